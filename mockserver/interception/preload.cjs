// Loaded by `node --require`: redirects this process's connections to the API's hosts to the mock,
// for the versions of Node whose fetch reads no proxy variable. MOCK is defined in front of this.
'use strict';
const tls = require('node:tls');
const net = require('node:net');
const { syncBuiltinESMExports } = require('node:module');

const connect = tls.connect;
const open = net.Socket.prototype.connect;

function plain(host) {
  return typeof host === 'string' ? host.toLowerCase().replace(/\.$/, '') : '';
}

function isRedirected(host) {
  return MOCK.hosts.includes(plain(host));
}

function mayPass(host) {
  const local = ['', 'localhost', '::1', MOCK.mock[0]].includes(plain(host)) || /^127\./.test(host);
  return MOCK.allowOthers || local;
}

function rejection(why) {
  const error = new Error(`maxapi-mock: ${why}`);
  error.code = 'ECONNREFUSED';
  return error;
}

function rejected(host) {
  const socket = new net.Socket();
  const error = rejection(`${host} is not the API; --allow-others lets it pass`);
  process.nextTick(() => socket.destroy(error));
  return connect({ socket });
}

// Every library opens its connections here, with TLS or without.
net.Socket.prototype.connect = function (...args) {
  const normal = Array.isArray(args[0]) ? args[0] : args;
  const given = typeof normal[0] === 'object' && normal[0] !== null
    ? normal[0]
    : { port: normal[0], host: typeof normal[1] === 'string' ? normal[1] : undefined };
  const port = Number(given.port);
  if (isRedirected(given.host)) {
    const [host, to] = { 443: ['127.0.0.1', MOCK.port], 80: MOCK.mock }[port] ?? [];
    if (host === undefined) {
      const error = rejection(`${given.host} is not at port ${port}; use 443`);
      process.nextTick(() => this.destroy(error));
      return this;
    }
    const options = { ...given, host, port: to, lookup: undefined };
    const done = normal.find((one) => typeof one === 'function');
    return open.call(this, options, ...(done ? [done] : []));
  }
  if (port === 443 && !mayPass(given.host)) {
    const error = rejection(`${given.host} is not the API; --allow-others lets it pass`);
    process.nextTick(() => this.destroy(error));
    return this;
  }
  return open.apply(this, args);
};

tls.connect = function (...args) {
  const options = args.find((one) => typeof one === 'object' && one !== null) ?? {};
  const numbered = typeof args[0] === 'number' ? args[0] : options.port;
  const host = options.host ?? (typeof args[1] === 'string' ? args[1] : options.servername);
  const done = args.find((one) => typeof one === 'function');
  if (options.socket || options.path || !host) return connect.apply(tls, args);
  const name = isRedirected(options.servername) ? options.servername : host;
  if (isRedirected(name) && (numbered ?? 443) == 443) {
    const local = { host: '127.0.0.1', port: MOCK.port, servername: name, lookup: undefined };
    return connect.call(tls, { ...options, ...local }, done);
  }
  return isRedirected(name) || mayPass(host) ? connect.apply(tls, args) : rejected(host);
};
syncBuiltinESMExports();
