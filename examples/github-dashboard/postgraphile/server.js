// A GraphQL service over the tables of one schema: POST /graphql, and a console at /graphiql.
import { createServer } from 'node:http';
import pg from 'pg';
import { postgraphile } from 'postgraphile';

const port = Number(process.env.PORT ?? 5001);
const schema = process.env.DATABASE_SCHEMA ?? 'github';

// PGHOST, PGDATABASE, PGUSER and PGPASSWORD come from the environment.
const pool = new pg.Pool({ max: 5 });
pool.on('error', (error) => console.error(`database: ${error.message}`));

const graphql = postgraphile(pool, schema, {
  graphiql: true,
  enhanceGraphiql: true,
  dynamicJson: true,
  ignoreRBAC: true,
  legacyRelations: 'omit',
  disableQueryLog: true,
  retryOnInitFail: true,
  // Tables that a later migration makes are served without a restart.
  watchPg: true,
});

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  switch (request.url) {
    case '/health/live':
      return answer(200, { status: 'ok' });
    case '/health/ready':
      return pool.query('SELECT 1').then(
        () => answer(200, { status: 'ok' }),
        (error) => answer(503, { status: 'unavailable', reason: error.message }),
      );
    default:
      return graphql(request, response);
  }
});

server.listen(port, () => console.log(`GraphQL of schema "${schema}" on port ${port}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
