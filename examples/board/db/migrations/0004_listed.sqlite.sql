-- An incident as people see it, its tags beside it.

create view listed as
select id, title, service, severity, status, owner, opened, updated, resolved, description, version,
  coalesce((select group_concat(tag, ' ') from (select tag from tags where incident = incidents.id order by tag)), '')
    as tags
from incidents;
