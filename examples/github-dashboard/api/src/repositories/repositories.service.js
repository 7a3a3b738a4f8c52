import { query } from '../database.js';

export function all() {
  return query(
    `SELECT id, owner, name, description, language, stars, open_issues AS "openIssues"
       FROM github.repository_summaries ORDER BY stars DESC, name`,
  );
}

export async function find(owner, name) {
  const [repository] = await query(
    `SELECT id, owner, name, description, language, stars, open_issues AS "openIssues"
       FROM github.repository_summaries WHERE owner = $1 AND name = $2`,
    [owner, name],
  );
  return repository;
}

export function issues(repositoryId) {
  return query(
    `SELECT id, title, state, opened_at AS "openedAt"
       FROM github.issues WHERE repository_id = $1 ORDER BY opened_at`,
    [repositoryId],
  );
}

export async function star(owner, name) {
  const [repository] = await query(
    `UPDATE github.repositories SET stars = stars + 1
      WHERE owner = $1 AND name = $2 RETURNING owner, name, stars`,
    [owner, name],
  );
  return repository;
}
