// A client of p2p's node that was written in another language: gRPC for node (npm: @grpc/grpc-js,
// @grpc/proto-loader), for the interop suite.
//
//   node grpc_client.mjs MODULES PROTO SOCKET whoami
//   node grpc_client.mjs MODULES PROTO SOCKET call METHOD JSON
//   node grpc_client.mjs MODULES PROTO SOCKET listen
//
// It prints every answer as one JSON line. listen prints the events, as they come, until it is told to end. A
// call that fails ends the program with 1 and prints {code, details}.
import { join } from 'node:path'
import { createRequire } from 'node:module'

const [modules, proto, socket, what, method, request] = process.argv.slice(2)
const require = createRequire(join(modules, 'node_modules', 'x.js'))
const grpc = require('@grpc/grpc-js')
const definition = require('@grpc/proto-loader').loadSync(proto, { keepCase: true, enums: String, longs: Number, defaults: true, oneofs: true })
const { p2p } = grpc.loadPackageDefinition(definition)

const client = new p2p.v1.People('unix:' + socket, grpc.credentials.createInsecure())
const say = value => console.log(JSON.stringify(value))
const fail = err => { say({ code: grpc.status[err.code], details: err.details }); process.exit(1) }
const call = (name, message) => client[name](message, (err, answer) => {
  if (err) fail(err)
  say(answer)
  client.close()
})

if (what === 'whoami') {
  call('Whoami', {})
} else if (what === 'call') {
  call(method, JSON.parse(request))
} else {
  const stream = client.Events({})
  stream.on('data', say)
  stream.on('error', fail)
}
