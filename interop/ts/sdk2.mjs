// The TypeScript SDK's version 2, which speaks every revision.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

// versions returns the options for the revision to speak: "auto" asks the server
// first, "" is what the SDK does unasked.
function versions(revision) {
  if (revision === '' || revision === 'auto') {
    return revision === '' ? {} : { versionNegotiation: { mode: 'auto' } };
  }
  if (revision >= '2026-07-28') {
    return { versionNegotiation: { mode: { pin: revision } } };
  }
  return { supportedProtocolVersions: [revision] };
}

export function create({ capabilities, revision, server }) {
  const client = new Client({ name: 'interop-ts2', version: '1.0.0' }, { capabilities, ...versions(revision) });
  return {
    client,
    transport: server.url
      ? new StreamableHTTPClientTransport(new URL(server.url))
      : new StdioClientTransport({ ...server, stderr: 'inherit' }),
    revision: () => client.getNegotiatedProtocolVersion(),
    onRequest: (method, handler) => client.setRequestHandler(method, handler),
    onNotification: (method, handler) => client.setNotificationHandler(method, handler),
    call: (params, options) => client.callTool(params, options),
    // Before 2026-07-28 a request subscribes; since then a stream does.
    subscribe: async (filter) => {
      if (client.getNegotiatedProtocolVersion() >= '2026-07-28') {
        const subscription = await client.listen(filter);
        return () => subscription.close();
      }
      return legacySubscribe(client, filter);
    },
  };
}

async function legacySubscribe(client, filter) {
  const uris = filter.resourceSubscriptions ?? [];
  for (const uri of uris) {
    await client.subscribeResource({ uri });
  }
  return async () => {
    for (const uri of uris) {
      await client.unsubscribeResource({ uri });
    }
  };
}
