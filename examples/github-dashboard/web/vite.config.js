import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The browser talks to this server alone; it passes API and GraphQL calls on.
export default defineConfig({
  plugins: [react()],
  server: {
    host: '0.0.0.0',
    port: 4202,
    strictPort: true,
    allowedHosts: ['web', 'web.github-dashboard.svc.cluster.local'],
    proxy: {
      '/api': process.env.API_URL ?? 'http://localhost:3001',
      '/graphql': process.env.GRAPHQL_URL ?? 'http://localhost:5001',
    },
  },
});
