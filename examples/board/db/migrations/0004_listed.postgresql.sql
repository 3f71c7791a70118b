-- An incident as people see it, its tags beside it.

create view listed as
select id, title, service, severity, status, owner, opened, updated, resolved, description, version,
  coalesce((select string_agg(tag, ' ' order by tag) from tags where incident = incidents.id), '') as tags
from incidents;
