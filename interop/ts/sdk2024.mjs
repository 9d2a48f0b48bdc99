// An early release of the TypeScript SDK, which knows 2024-11-05 and stdio only.
import { Client } from 'sdk-2024-11-05/client/index.js';
import { StdioClientTransport } from 'sdk-2024-11-05/client/stdio.js';
import * as types from 'sdk-2024-11-05/types.js';
import { adapt } from './version1.mjs';

export function create({ capabilities, server }) {
  if (server.url) {
    throw new Error('this release of the SDK has no Streamable HTTP');
  }
  const transport = new StdioClientTransport({ ...server, stderr: 'inherit' });
  return adapt({ Client, types, transport, capabilities, name: 'interop-ts2024' });
}
