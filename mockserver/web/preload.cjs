// Loaded by `node --require`: leads this process's TLS connections to the API's hosts to the mock,
// for the versions of Node whose fetch knows no proxy variable. MOCK is defined in front of this.
'use strict';
const tls = require('node:tls');
const net = require('node:net');
const { syncBuiltinESMExports } = require('node:module');

const connect = tls.connect;

function isLocal(host) {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function refused(host) {
  const socket = new net.Socket();
  const error = new Error(`maxapi-mock: ${host} is not the API; --allow-others lets it pass`);
  error.code = 'ECONNREFUSED';
  process.nextTick(() => socket.destroy(error));
  return connect({ socket });
}

tls.connect = function (...args) {
  const options = args.find((one) => typeof one === 'object' && one !== null) ?? {};
  const numbered = typeof args[0] === 'number' ? args[0] : options.port;
  const host = options.host ?? (typeof args[1] === 'string' ? args[1] : options.servername);
  const done = args.find((one) => typeof one === 'function');
  if (options.socket || options.path || !host || isLocal(host)) return connect.apply(tls, args);
  if (MOCK.hosts.includes(host) && (numbered ?? 443) == 443) {
    const local = { host: '127.0.0.1', port: MOCK.port, servername: host, lookup: undefined };
    return connect.call(tls, { ...options, ...local }, done);
  }
  return MOCK.allowOthers ? connect.apply(tls, args) : refused(host);
};
syncBuiltinESMExports();
