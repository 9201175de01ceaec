// The tracker client of WebTorrent (npm: bittorrent-tracker), for the interop suite.
//
//   node webtorrent_client.mjs MODULES ANNOUNCE_URL INFO_HASH PORT LEFT
//
// It announces itself as started, scrapes, tells it has completed if LEFT is 0, says on stdout what it was
// told as one JSON line, and tells the tracker that it stops when it is told to end.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, announce, infoHash, port, left] = process.argv.slice(2)
const { default: Client } = await import(pathToFileURL(join(modules, 'node_modules', 'bittorrent-tracker', 'index.js')).href)

const peerId = Buffer.from('-WW0001-' + String(port).padStart(12, '0')).toString('hex')
const client = new Client({ infoHash, peerId, announce: [announce], port: Number(port), getAnnounceOpts: () => ({ left: Number(left) }) })
const told = { peers: [], update: null, scrape: null, warnings: [] }
client.on('error', err => { console.error(err); process.exit(1) })
client.on('warning', err => told.warnings.push(err.message))
client.on('peer', addr => told.peers.push(addr))
client.once('update', data => {
  told.update = { complete: data.complete, incomplete: data.incomplete, interval: data.interval }
  if (Number(left) === 0) client.complete()
  client.scrape()
})
client.once('scrape', data => {
  told.scrape = { complete: data.complete, incomplete: data.incomplete, downloaded: data.downloaded }
  console.log(JSON.stringify(told))
})
setTimeout(() => { if (!told.scrape) { console.error(JSON.stringify(told)); process.exit(1) } }, 15000).unref()
client.start()
setInterval(() => {}, 1000) // the client alone would not keep the program running
process.on('SIGTERM', () => {
  client.once('update', () => client.destroy(() => process.exit(0)))
  client.stop()
})
