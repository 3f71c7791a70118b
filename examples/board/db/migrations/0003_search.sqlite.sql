-- The words of each incident, as search.py writes them: without case and accents, each once, with a blank before it.
-- When the build of SQLite has FTS5, search.py adds an index to this table at the start.

create table search (
  incident integer primary key references incidents (id) on delete cascade,
  body text not null
) strict;
