// A producer of kafkajs with acks=all that numbers its records: load.mjs BOOTSTRAP TOPIC KEYS PER_SECOND. Prints
// "ack NUMBER PARTITION OFFSET"; ends when its standard input does, with "sent COUNT".
import { Kafka, logLevel } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'

const [bootstrap, topic] = process.argv.slice(2, 4)
const [keys, perSecond] = process.argv.slice(4, 6).map(Number)
const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: process.env.VERBOSE ? logLevel.INFO : logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 10000, retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 100000 } })
const producer = kafka.producer({ maxInFlightRequests: 1, retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 100000 } })
// kafkajs closes connections to brokers that metadata names no more, also one that it is about to write to. What it throws then is none
// of its own errors, so it does not try again. Of what was not sent nothing is told.
const send = messages => producer.send({ topic, acks: -1, messages }).catch(error => {
  if (error.message !== 'Broker not connected') throw error
  return send(messages)
})
let ending = false
process.stdin.resume()
process.stdin.on('end', () => { ending = true })
await producer.connect()
let number = 0
while (!ending) {
  const first = number
  const messages = Array.from({ length: keys }, (_, key) => ({ key: String(key), value: String(first + key), partition: key }))
  number += keys
  const told = await send(messages)
  for (const { partition, baseOffset } of told) console.log(`ack ${first + partition} ${partition} ${baseOffset}`)
  await pause(1000 * keys / perSecond)
}
console.log(`sent ${number}`)
// Every record was answered. kafkajs would wait for a connection that it was making to a broker, which nobody closes.
process.exit(0)
