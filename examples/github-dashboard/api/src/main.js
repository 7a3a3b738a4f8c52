import express from 'express';
import { close } from './database.js';
import { healthController } from './health/health.controller.js';
import { repositoriesController } from './repositories/repositories.controller.js';

const port = Number(process.env.PORT ?? 3001);

const app = express();
app.disable('x-powered-by');
app.use(express.json());
app.use('/health', healthController());
app.use('/api/repos', repositoriesController());
app.use((request, response) => response.status(404).json({ error: `nothing at ${request.path}` }));
app.use((error, request, response, next) => {
  console.error(error);
  response.status(error.status ?? 500).json({ error: error.message });
});

const server = app.listen(port, () => console.log(`API on port ${port}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => close().finally(() => process.exit(0)));
    server.closeAllConnections();
  });
}
