// Sends what Node's own HTTPS clients ask for through the proxy of HTTPS_PROXY. For `geminid run`, by --require.
//
// Node 20 reads no proxy variables: neither its fetch nor https.request. Newer versions do (NODE_USE_ENV_PROXY), and
// are left alone. Libraries that honour HTTPS_PROXY by themselves never come here.
'use strict';

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

// A socket to host and port, TLS over the proxy's tunnel; done(error, socket).
function tunnel({host, port, servername, secure}, done) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const request = http.request({
    host: proxy.hostname,
    port: proxy.port,
    method: 'CONNECT',
    path: `${host}:${port}`,
    agent: false,
  });
  request.once('error', (error) => done(error));
  request.once('response', (response) => {
    request.destroy();
    done(new Error(`the proxy refuses ${host}: ${response.statusCode}`));
  });
  request.once('connect', (response, socket) => {
    if (response.statusCode !== 200) {
      socket.destroy();
      done(new Error(`the proxy refuses ${host}: ${response.statusCode}`));
      return;
    }
    if (!secure) {
      done(null, socket);
      return;
    }
    const encrypted = tls.connect({...secure, socket, servername: servername || host});
    const failed = (error) => done(error);
    encrypted.once('error', failed);
    encrypted.once('secureConnect', () => {
      encrypted.off('error', failed);
      done(null, encrypted);
    });
  });
  request.end();
}

// The fetch that Node carries takes its sockets from a dispatcher, which it shares with the undici package under
// this symbol. The dispatcher is there once one of fetch's classes has been asked for.
function routeFetch() {
  void globalThis.Response;
  const symbol = Symbol.for('undici.globalDispatcher.1');
  const current = globalThis[symbol];
  if (!current) return;
  const connect = ({hostname, port, protocol, servername}, done) => {
    const encrypts = protocol === 'https:';
    const number = Number(port) || (encrypts ? 443 : 80);
    const secure = encrypts ? {ALPNProtocols: ['http/1.1']} : undefined;
    if (!LOOPBACK.has(hostname)) {
      tunnel({host: hostname, port: number, servername, secure}, done);
      return;
    }
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = encrypts ? tls.connect({...secure, host, port: number, servername: net.isIP(host) ? '' : host})
                            : net.connect({host, port: number});
    const failed = (error) => done(error);
    socket.once('error', failed);
    socket.once(encrypts ? 'secureConnect' : 'connect', () => {
      socket.off('error', failed);
      done(null, socket);
    });
  };
  globalThis[symbol] = new current.constructor({connect});
}

// Every https.Agent takes its sockets from this method.
function routeRequests() {
  const direct = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function createConnection(options, done) {
    const {host, port, servername} = options;
    if (!host || LOOPBACK.has(host) || options.socket) return direct.call(this, options, done);
    tunnel({host, port: port || 443, servername, secure: {...options, path: undefined}}, done);
    return undefined;
  };
}

if (process.env.HTTPS_PROXY && !process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) {
  routeFetch();
  routeRequests();
}
