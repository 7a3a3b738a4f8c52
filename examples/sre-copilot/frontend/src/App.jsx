import { useEffect, useState } from 'react';

async function api(method, path, body) {
  const response = await fetch(`/api/${path}`, { method, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export function App() {
  const [health, setHealth] = useState({ services: {} });
  const [incidents, setIncidents] = useState([]);
  const [events, setEvents] = useState([]);
  const [problem, setProblem] = useState();

  const reload = () =>
    Promise.all([
      api('GET', 'health').then(setHealth),
      api('GET', 'incident/incidents').then((it) => setIncidents(it.incidents)),
    ]).then(() => setProblem(undefined), (error) => setProblem(error.message));

  useEffect(() => {
    reload();
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/ws`);
    socket.onmessage = ({ data }) => {
      setEvents((known) => [JSON.parse(data), ...known].slice(0, 20));
      reload();
    };
    return () => socket.close();
  }, []);

  const alert = () => api('POST', 'integration/webhook', { name: 'Disk full on db-1' }).catch((error) => setProblem(error.message));

  return (
    <main style={{ font: '16px/1.5 system-ui', maxWidth: '48rem', margin: '2rem auto' }}>
      <h1>SRE copilot</h1>
      {problem && <p>{problem}</p>}
      <p>{health.healthy} of {health.of} services are healthy <button onClick={alert}>Raise an alert</button></p>
      <ul>
        {Object.entries(health.services).map(([name, { status, version }]) => (
          <li key={name}>{name} {version} {status}</li>
        ))}
      </ul>
      <h2>Incidents</h2>
      <ul>{incidents.map(({ id, title, state }) => <li key={id}>{title} ({state})</li>)}</ul>
      <h2>Events</h2>
      <ul>{events.map((event, index) => <li key={index}>{event.event}</li>)}</ul>
    </main>
  );
}
