// The two back ends, both reached through this page's own server.

async function json(response) {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response.json();
}

export async function loadRepositories() {
  const { repositories } = await json(await fetch('/api/repos'));
  return repositories;
}

export function star({ owner, name }) {
  return fetch(`/api/repos/${owner}/${name}/star`, { method: 'POST' }).then(json);
}

export async function loadLatestIssues() {
  const query = `{
    allIssues(condition: { state: "open" }, orderBy: OPENED_AT_DESC, first: 5) {
      nodes { id title repository: repositoryByRepositoryId { name } }
    }
  }`;
  const { data, errors } = await json(
    await fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query }),
    }),
  );
  if (errors) throw new Error(errors[0].message);
  return data.allIssues.nodes;
}
