import { Router } from 'express';
import * as repositories from './repositories.service.js';

export function repositoriesController() {
  const router = Router();

  router.get('/', async (request, response) => {
    response.json({ repositories: await repositories.all() });
  });

  router.get('/:owner/:name', async (request, response) => {
    const { owner, name } = request.params;
    const repository = await repositories.find(owner, name);
    if (!repository) return response.status(404).json({ error: `no repository ${owner}/${name}` });
    response.json({ ...repository, issues: await repositories.issues(repository.id) });
  });

  router.post('/:owner/:name/star', async (request, response) => {
    const { owner, name } = request.params;
    const repository = await repositories.star(owner, name);
    if (!repository) return response.status(404).json({ error: `no repository ${owner}/${name}` });
    response.json(repository);
  });

  return router;
}
