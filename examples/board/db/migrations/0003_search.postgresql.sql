-- The words of each incident, as search.py writes them: without case and accents, each once, with a blank before it.

create table search (
  incident bigint primary key references incidents (id) on delete cascade,
  body text not null,
  words tsvector generated always as (array_to_tsvector(string_to_array(trim(body), ' '))) stored
);

create index search_words on search using gin (words);
