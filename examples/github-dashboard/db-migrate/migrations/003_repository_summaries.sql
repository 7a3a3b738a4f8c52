CREATE VIEW github.repository_summaries AS
SELECT repositories.*, count(issues.id) FILTER (WHERE issues.state = 'open')::integer AS open_issues
FROM github.repositories
LEFT JOIN github.issues ON issues.repository_id = repositories.id
GROUP BY repositories.id;

COMMENT ON VIEW github.repository_summaries IS 'Each repository with the number of its open issues.';
