-- The tables of the board as its first version made them. Times are text in UTC, "2026-11-20T17:30:00Z".
-- A file of that version has them already, and `pragma user_version = 1`: schema.py marks this as applied.

create table incidents (
  id integer primary key,
  title text not null check (length(title) between 3 and 120),
  service text not null check (service <> ''),
  severity integer not null check (severity between 0 and 3),    -- 0 critical, 1 high, 2 medium, 3 low
  status integer not null check (status between 0 and 2),        -- 0 open, 1 watching, 2 resolved
  owner text not null default '',
  opened text not null,
  updated text not null check (updated >= opened),
  resolved text check ((resolved is null) = (status <> 2)),
  description text not null default '',
  version integer not null default 1                             -- counts the changes: whoever saves must name it
) strict;

-- One index for each order of the list; the id makes each order complete, so that pages never overlap.
create index incidents_updated on incidents (updated, id);
create index incidents_opened on incidents (opened, id);
create index incidents_title on incidents (title collate nocase, id);
create index incidents_service on incidents (service, updated, id);
create index incidents_owner on incidents (owner, updated, id);
create index incidents_severity on incidents (severity, updated, id);
create index incidents_status on incidents (status, updated, id);
create index incidents_resolved on incidents (resolved) where resolved is not null;

create table tags (
  incident integer not null references incidents (id) on delete cascade,
  tag text not null,
  primary key (incident, tag)
) strict, without rowid;

create index tags_tag on tags (tag, incident);

create table notes (
  id integer primary key,
  incident integer not null references incidents (id) on delete cascade,
  at text not null,
  author text not null,
  kind text not null check (kind in ('note', 'change')),
  text text not null
) strict;

create index notes_incident on notes (incident, at, id);
