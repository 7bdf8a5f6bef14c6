// An idempotent producer of kafkajs and a group of two: load.mjs BOOTSTRAP TOPIC KEYS PER_SECOND GIVES_UP_MS. What it prints and
// when it ends: `Program` in clients.py. Why each send is for one partition, and metadata that old: README.md.
import { Kafka, logLevel } from 'kafkajs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const [bootstrap, topic] = process.argv.slice(2, 4)
const [keys, perSecond, givesUpMs] = process.argv.slice(4, 7).map(Number)
const COMMIT_MS = 200
// A member that is not known any more and gets no answer to its joining anew reads on in no group, and a commit may never end
// (README.md): it is replaced after this.
const IN_NO_GROUP_MS = 10000
const within = (ended) => Promise.race([ended, pause(IN_NO_GROUP_MS).then(() => { throw new Error('it does not end') })])
const leave = consumer => within(consumer.disconnect()).catch(() => {})
const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 100000 }
const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: process.env.VERBOSE ? logLevel.INFO : logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: givesUpMs, retry })
const say = (...words) => console.log(words.join(' '))

let ending = false
const produced = new Promise((resolve) => {
  const input = createInterface({ input: process.stdin })
  input.on('line', () => { ending = true })
  input.on('close', () => { ending = true; resolve() })
})

const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, metadataMaxAge: Number(process.env.METADATA_MAX_AGE_MS ?? 1000), retry })
const again = (attempt, passes) => attempt().catch(async error => {
  if (!passes(error)) throw error
  await pause(COMMIT_MS)
  return again(attempt, passes)
})
// kafkajs closes connections to brokers that metadata names no more, also one that it is about to write to. What it throws then is none
// of its own errors, so it does not try again. Of what was not sent nothing is told.
const isNotConnected = error => error.message === 'Broker not connected'
const send = messages => again(() => producer.send({ topic, acks: -1, messages }), isNotConnected)
// Where no broker lets it in, it gives up at once however often it is to try.
const letIn = attempt => again(attempt, error => error.retriable || isNotConnected(error))
async function produce(key) {
  let count = 0
  while (!ending) {
    const number = key + keys * count
    count += 1
    try {
      const [{ partition, baseOffset }] = await send([{ key: String(key), value: String(number), partition: key }])
      say('ack', number, partition, baseOffset)
    } catch (error) {
      say('refused', number, error)
    }
    await pause(1000 * keys / perSecond)
  }
  return count
}

async function join(member, assigned, saw, isReplaced) {
  const consumer = kafka.consumer({ groupId: topic, sessionTimeout: 6000, rebalanceTimeout: 10000, heartbeatInterval: 500, maxWaitTimeInMs: 100, metadataMaxAge: 1000, retry: { ...retry, restartOnFailure: async () => true } })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    // It had failed, and began anew by itself after it was told to leave (README.md).
    if (isReplaced()) {
      leave(consumer)
      return
    }
    const mine = payload.memberAssignment[topic] ?? []
    assigned()
    say('assigned', member, ...mine)
  })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (isReplaced()) return
        say('saw', member, partition, message.offset, message.value)
        saw(partition, String(Number(message.offset) + 1))
      },
    })
  } catch (error) {
    await leave(consumer)
    throw error
  }
  return consumer
}

async function read(member) {
  let positions = new Map()
  const kept = new Map()
  let lives = 0
  const start = () => letIn(() => {
    const life = ++lives
    return join(member, () => { positions = new Map() }, (partition, next) => positions.set(partition, next), () => life !== lives)
  })
  let consumer = await start()
  let stopped = false
  const committing = (async () => {
    let refusedSince
    while (!stopped) {
      const pending = [...positions].filter(([partition, offset]) => kept.get(partition) !== offset)
      if (pending.length > 0) {
        const began = Date.now()
        try {
          await within(consumer.commitOffsets(pending.map(([partition, offset]) => ({ topic, partition, offset }))))
          refusedSince = undefined
          for (const [partition, offset] of pending) {
            kept.set(partition, offset)
            say('committed', partition, offset)
          }
        } catch {
          // No coordinator for now, or the group moved on.
          refusedSince ??= began
        }
      }
      if (Date.now() - refusedSince > IN_NO_GROUP_MS) {
        refusedSince = undefined
        lives += 1
        await leave(consumer)
        positions = new Map()
        consumer = await start()
      }
      await pause(COMMIT_MS)
    }
  })()
  return async () => { stopped = true; await committing; await leave(consumer) }
}

await letIn(() => producer.connect())
const members = await Promise.all([read('a'), read('b')])
const counts = await Promise.all(Array.from({ length: keys }, (_, key) => produce(key)))
counts.forEach((count, key) => say('sent', key, count))
await produced
await Promise.all(members.map((end) => end()))
// kafkajs would wait for a connection that it was making to a broker, which nobody closes.
process.exit(0)
