-- The tables of leases, outbox and inbox.

create table arlen_leases (
    resource text not null primary key,
    holder text not null,
    generation bigint not null,
    until double precision not null -- seconds since 1970 by the store's clock; 0 when it was released
);

create table arlen_outbox (
    seq bigint generated always as identity primary key,
    id text not null unique,
    kind text not null,
    key text not null,
    payload text not null, -- JSON
    created double precision not null,
    due double precision not null,
    attempts integer not null default 0,
    dead integer not null default 0, -- 0 or 1
    error text not null default ''
);

create index arlen_outbox_next on arlen_outbox (dead, seq);

create index arlen_outbox_key on arlen_outbox (key, seq);

create table arlen_inbox (
    id text not null primary key,
    arrived double precision not null
);
