-- Times become columns that say so, and come back as times; the order by title ignores case on every engine alike.
-- arlen: foreign-keys off

create table made (
  id integer primary key,
  title text not null check (length(title) between 3 and 120),
  service text not null check (service <> ''),
  severity integer not null check (severity between 0 and 3),
  status integer not null check (status between 0 and 2),
  owner text not null default '',
  opened timestamptz not null,
  updated timestamptz not null check (updated >= opened),
  resolved timestamptz check ((resolved is null) = (status <> 2)),
  description text not null default '',
  version integer not null default 1
);

insert into made
select id, title, service, severity, status, owner,
  replace(rtrim(opened, 'Z'), 'T', ' ') || '.000000+00:00',
  replace(rtrim(updated, 'Z'), 'T', ' ') || '.000000+00:00',
  replace(rtrim(resolved, 'Z'), 'T', ' ') || '.000000+00:00',
  description, version
from incidents;

drop table incidents;
alter table made rename to incidents;

create index incidents_updated on incidents (updated, id);
create index incidents_opened on incidents (opened, id);
create index incidents_title on incidents (lower(title), id);
create index incidents_service on incidents (service, updated, id);
create index incidents_owner on incidents (owner, updated, id);
create index incidents_severity on incidents (severity, updated, id);
create index incidents_status on incidents (status, updated, id);
create index incidents_resolved on incidents (resolved) where resolved is not null;

create table written (
  id integer primary key,
  incident integer not null references incidents (id) on delete cascade,
  at timestamptz not null,
  author text not null,
  kind text not null check (kind in ('note', 'change')),
  text text not null
);

insert into written
select id, incident, replace(rtrim(at, 'Z'), 'T', ' ') || '.000000+00:00', author, kind, text from notes;

drop table notes;
alter table written rename to notes;
create index notes_incident on notes (incident, at, id);

-- arlen: allow drop_breaks_code: the first version alone used it, and that cannot read these times
drop table if exists search;
