import { useEffect, useState } from 'react';
import { loadLatestIssues, loadRepositories, star } from './backend.js';

export function App() {
  const [repositories, setRepositories] = useState([]);
  const [issues, setIssues] = useState([]);
  const [problem, setProblem] = useState();

  const reload = () =>
    Promise.all([loadRepositories().then(setRepositories), loadLatestIssues().then(setIssues)])
      .then(() => setProblem(undefined))
      .catch((error) => setProblem(error.message));

  useEffect(() => {
    reload();
  }, []);

  return (
    <main>
      <h1>GitHub dashboard</h1>
      {problem && <p className="problem">{problem}</p>}
      <table>
        <thead>
          <tr><th>Repository</th><th>Language</th><th>Stars</th><th>Open issues</th></tr>
        </thead>
        <tbody>
          {repositories.map((repository) => (
            <tr key={repository.id}>
              <td>
                {repository.owner}/{repository.name}
                <small>{repository.description}</small>
              </td>
              <td>{repository.language}</td>
              <td>
                {repository.stars}{' '}
                <button onClick={() => star(repository).then(reload)}>★</button>
              </td>
              <td>{repository.openIssues}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h2>Latest open issues</h2>
      <ul>
        {issues.map((issue) => (
          <li key={issue.id}>{issue.title} <small>{issue.repository.name}</small></li>
        ))}
      </ul>
    </main>
  );
}
