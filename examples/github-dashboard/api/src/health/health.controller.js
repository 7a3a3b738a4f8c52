import { Router } from 'express';
import { query } from '../database.js';

// live: the process answers. ready: so does its database.
export function healthController() {
  const router = Router();
  router.get('/live', (request, response) => response.json({ status: 'ok' }));
  router.get('/ready', async (request, response) => {
    try {
      await query('SELECT 1');
      response.json({ status: 'ok' });
    } catch (error) {
      response.status(503).json({ status: 'unavailable', reason: error.message });
    }
  });
  return router;
}
