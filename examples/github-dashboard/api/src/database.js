// One pool for the whole service; PGHOST, PGDATABASE, PGUSER and PGPASSWORD come from the environment.
import pg from 'pg';

const pool = new pg.Pool({ max: 5, connectionTimeoutMillis: 3000 });
pool.on('error', (error) => console.error(`database: ${error.message}`));

export async function query(text, values = []) {
  const result = await pool.query(text, values);
  return result.rows;
}

export function close() {
  return pool.end();
}
