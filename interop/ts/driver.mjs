// Drives one client for the Go tests, which write the orders and judge the
// answers. Orders and answers are lines of JSON on stdin and stdout.
//
//   node driver.mjs SDK '{"server":{"command","args"}|{"url"},"revision","capabilities","answers"}'
//
// Orders:
//   {"id","method","params"}            sends a request through the SDK's method for it
//   {"id","method":"subscribe","params"} subscribes; {"id","method":"unsubscribe"} ends that
//   {"id","method":"cancel","params":{"id"}}  cancels the request of another order
//   {"id","method":"close"}             closes the client
// Answers:
//   {"id","result"} or {"id","error":{"code","message","data"}}
//   {"event","params"}                  what a handler of the SDK was given
//   {"wire":message}                    every message as the transport delivers it
import { createInterface } from 'node:readline';

const [, , sdk, config] = process.argv;
const { server, revision, capabilities, answers } = JSON.parse(config);
const { create } = await import(`./${sdk}.mjs`);

const print = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const failure = (error) => ({ code: error?.code, message: String(error?.message ?? error), data: error?.data });

const adapter = create({ server, revision, capabilities });
const { client, transport } = adapter;
const running = new Map();
let unsubscribe = async () => {};
let initialized;

for (const method of Object.keys(answers)) {
  adapter.onRequest(method, async (request) => {
    print({ event: method, params: request.params ?? {} });
    return answers[method];
  });
}
const notifications = ['message', 'tools/list_changed', 'prompts/list_changed', 'resources/list_changed', 'resources/updated'];
for (const name of notifications) {
  const method = `notifications/${name}`;
  adapter.onNotification(method, (notification) => print({ event: method, params: notification.params ?? {} }));
}
client.onerror = (error) => print({ event: 'error', params: failure(error) });
client.onclose = () => print({ event: 'closed', params: {} });

// What arrives is shown before the SDK works on it, whenever it sets its handler.
let deliver;
Object.defineProperty(transport, 'onmessage', {
  get: () => deliver && show,
  set: (handler) => {
    deliver = handler === show ? deliver : handler;
  },
});

function show(message, extra) {
  print({ wire: message });
  initialized = message.result?.protocolVersion ?? initialized;
  deliver(message, extra);
}

const methods = {
  'tools/list': (params, options) => client.listTools(params, options),
  'tools/call': (params, options) => adapter.call(params, options),
  'prompts/list': (params, options) => client.listPrompts(params, options),
  'prompts/get': (params, options) => client.getPrompt(params, options),
  'resources/list': (params, options) => client.listResources(params, options),
  'resources/templates/list': (params, options) => client.listResourceTemplates(params, options),
  'resources/read': (params, options) => client.readResource(params, options),
  'completion/complete': (params, options) => client.complete(params, options),
  'logging/setLevel': (params, options) => client.setLoggingLevel(params.level, options),
  ping: (_, options) => client.ping(options),
  subscribe: async (params) => {
    unsubscribe = await adapter.subscribe(params);
    return {};
  },
  unsubscribe: async () => {
    await unsubscribe();
    return {};
  },
  cancel: async (params) => {
    running.get(params.id)?.abort('the user lost patience');
    return {};
  },
  close: async () => {
    await client.close();
    return {};
  },
};

async function obey({ id, method, params }) {
  const controller = new AbortController();
  running.set(id, controller);
  const options = { signal: controller.signal, onprogress: (progress) => print({ event: 'progress', params: progress }) };
  try {
    print({ id, result: await methods[method](params, options) });
  } catch (error) {
    print({ id, error: failure(error) });
  } finally {
    running.delete(id);
  }
}

async function connect() {
  await client.connect(transport);
  return {
    revision: adapter.revision() ?? initialized,
    serverInfo: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions?.(),
  };
}

try {
  print({ id: 0, result: await connect() });
} catch (error) {
  print({ id: 0, error: failure(error) });
  process.exit(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  // Without waiting: several requests may be under way.
  obey(JSON.parse(line));
}
