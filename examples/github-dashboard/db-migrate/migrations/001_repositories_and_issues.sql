CREATE TABLE github.repositories (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner       text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    language    text,
    stars       integer NOT NULL DEFAULT 0 CHECK (stars >= 0),
    UNIQUE (owner, name)
);

CREATE TABLE github.issues (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id integer NOT NULL REFERENCES github.repositories ON DELETE CASCADE,
    title         text NOT NULL,
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    opened_at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX issues_by_repository ON github.issues (repository_id, state);
