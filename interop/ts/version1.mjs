// What the releases 1.x of the TypeScript SDK have in common: handlers are set by
// the schema of the message, and a request subscribes.

const requestSchemas = {
  'elicitation/create': 'ElicitRequestSchema',
  'sampling/createMessage': 'CreateMessageRequestSchema',
  'roots/list': 'ListRootsRequestSchema',
};

const notificationSchemas = {
  'notifications/message': 'LoggingMessageNotificationSchema',
  'notifications/tools/list_changed': 'ToolListChangedNotificationSchema',
  'notifications/prompts/list_changed': 'PromptListChangedNotificationSchema',
  'notifications/resources/list_changed': 'ResourceListChangedNotificationSchema',
  'notifications/resources/updated': 'ResourceUpdatedNotificationSchema',
};

// adapt wraps a client of one release. A handler whose message the release does
// not know is left out, and so is the capability.
export function adapt({ Client, types, transport, capabilities, name }) {
  if (!types.ElicitRequestSchema) {
    delete capabilities.elicitation;
  }
  const client = new Client({ name, version: '1.0.0' }, { capabilities });
  const set = (schemas, setter) => (method, handler) => {
    const schema = types[schemas[method]];
    if (schema) {
      client[setter](schema, handler);
    }
  };
  return {
    client,
    transport,
    // No release of this line tells; the answer to initialize does.
    revision: () => undefined,
    onRequest: set(requestSchemas, 'setRequestHandler'),
    onNotification: set(notificationSchemas, 'setNotificationHandler'),
    call: (params, options) => client.callTool(params, undefined, options),
    subscribe: async (filter) => {
      const uris = filter.resourceSubscriptions ?? [];
      for (const uri of uris) {
        await client.subscribeResource({ uri });
      }
      return async () => {
        for (const uri of uris) {
          await client.unsubscribeResource({ uri });
        }
      };
    },
  };
}
