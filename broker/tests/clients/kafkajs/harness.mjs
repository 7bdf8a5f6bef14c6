// Named checks that run one after the other; each prints one line and has a bound.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'

export async function check(name, body, seconds = 180) {
  let timer
  const bound = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error(`not done after ${seconds} s`)), seconds * 1000) })
  try {
    await Promise.race([body(), bound])
    console.log(`pass ${name}`)
  } catch (error) {
    console.log(`fail ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`)
    console.error(error)
  } finally {
    clearTimeout(timer)
  }
}

export const fresh = (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`

export const brokerctl = (...args) => execFileSync('brokerctl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()

/** Runs a consumer until `done(messages)`; stops and returns what it saw. */
export async function consumeUntil(consumer, topics, done, { fromBeginning = true, onMessage } = {}) {
  const messages = []
  let finish
  const finished = new Promise((resolve) => { finish = resolve })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning })
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      messages.push({ topic, partition, ...message })
      if (onMessage) await onMessage(messages)
      if (done(messages)) finish()
    },
  })
  await finished
  await consumer.disconnect()
  return messages
}
