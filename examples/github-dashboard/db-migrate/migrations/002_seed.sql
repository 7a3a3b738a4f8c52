INSERT INTO github.repositories (owner, name, description, language, stars) VALUES
    ('acme', 'rocket', 'Launches things', 'Rust', 412),
    ('acme', 'anvil', 'Drops on things', 'Go', 97),
    ('acme', 'magnet', 'Attracts things', 'TypeScript', 23);

INSERT INTO github.issues (repository_id, title, state, opened_at)
SELECT repositories.id, issue.title, issue.state, issue.opened_at::timestamptz
FROM (VALUES
    ('rocket', 'Does not come back', 'open', '2026-01-12 09:00Z'),
    ('rocket', 'Fuse is too short', 'closed', '2026-02-03 14:30Z'),
    ('anvil', 'Falls on its owner', 'open', '2026-02-20 08:15Z'),
    ('anvil', 'Manual is missing', 'open', '2026-03-01 17:45Z')
) AS issue (repository, title, state, opened_at)
JOIN github.repositories ON repositories.name = issue.repository;
