import { strict as assert } from 'node:assert'
import kafkajs from 'kafkajs'
import { brokerctl, check, consumeUntil, fresh } from './harness.mjs'

const { Kafka, CompressionTypes, ConfigResourceTypes, logLevel, AssignerProtocol } = kafkajs

const kafka = new Kafka({ clientId: 'suite', brokers: [process.env.BOOTSTRAP], logLevel: logLevel.NOTHING, retry: { retries: 12, initialRetryTime: 100, maxRetryTime: 1000 } })
const admin = kafka.admin()
await admin.connect()

const topicWith = async (partitions, configEntries = []) => {
  const topic = fresh('topic')
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] })
  return topic
}
const producing = async (options, body) => {
  const producer = kafka.producer(options)
  await producer.connect()
  try { return await body(producer) } finally { await producer.disconnect() }
}
const numbered = (count) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `v${i}` }))

await check('admin creates a topic with default counts and lists it', async () => {
  const topic = fresh('defaults')
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), true)
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false)
  assert.ok((await admin.listTopics()).includes(topic))
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.equal(topics[0].partitions.length, 1)
  assert.equal(topics[0].partitions[0].partitionErrorCode, 0)
})

await check('admin adds partitions, deletes records and topics', async () => {
  const topic = await topicWith(1)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  assert.equal((await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length, 3)
  await producing({}, (producer) => producer.send({ topic, messages: numbered(10).map((m) => ({ ...m, partition: 0 })) }))
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
  const first = (await admin.fetchTopicOffsets(topic)).find((p) => p.partition === 0)
  assert.deepEqual([first.low, first.high], ['4', '10'])
  await admin.deleteTopics({ topics: [topic] })
  assert.ok(!(await admin.listTopics()).includes(topic))
})

await check('admin reads and replaces the configuration of a topic', async () => {
  const topic = await topicWith(1, [{ name: 'retention.ms', value: '12345' }])
  const read = async (configNames) => (await admin.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }] })).resources[0].configEntries
  assert.ok((await read()).length > 20)
  assert.equal((await read(['retention.ms']))[0].configValue, '12345')
  await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'max.message.bytes', value: '5000' }] }] })
  assert.equal((await read(['max.message.bytes']))[0].configValue, '5000')
  assert.equal((await read(['retention.ms']))[0].configValue, '604800000')
})

await check('admin describes the cluster', async () => {
  const cluster = await admin.describeCluster()
  assert.equal(cluster.brokers.length, 1)
  assert.equal(cluster.controller, cluster.brokers[0].nodeId)
  assert.equal(cluster.clusterId.length, 22)
})

await check('producing to an unknown topic creates it', async () => {
  const topic = fresh('auto')
  await producing({ allowAutoTopicCreation: true }, (producer) => producer.send({ topic, messages: [{ value: 'first' }] }))
  const [message] = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (seen) => seen.length === 1)
  assert.equal(message.value.toString(), 'first')
})

await check('keys, values, headers and timestamps come back as sent, in order', async () => {
  const topic = await topicWith(1)
  const sent = numbered(500).map((m, i) => ({ ...m, headers: { trace: `t${i}`, twice: ['a', 'b'] }, timestamp: String(1700000000000 + i) }))
  await producing({}, (producer) => producer.send({ topic, messages: sent }))
  const seen = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => m.length === 500)
  seen.forEach((m, i) => {
    assert.equal(m.offset, String(i))
    assert.equal(m.key.toString(), `k${i}`)
    assert.equal(m.value.toString(), `v${i}`)
    assert.equal(m.headers.trace.toString(), `t${i}`)
    assert.deepEqual(m.headers.twice.map(String), ['a', 'b'])
    assert.equal(m.timestamp, String(1700000000000 + i))
  })
})

await check('null keys, null values and empty values stay what they are', async () => {
  const topic = await topicWith(1)
  await producing({}, (producer) => producer.send({ topic, messages: [{ key: null, value: 'x' }, { key: 'k', value: null }, { key: 'k', value: '' }] }))
  const seen = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => m.length === 3)
  assert.equal(seen[0].key, null)
  assert.equal(seen[1].value, null)
  assert.equal(seen[2].value.length, 0)
})

await check('gzip batches are stored and read back', async () => {
  const topic = await topicWith(1)
  await producing({}, (producer) => producer.send({ topic, compression: CompressionTypes.GZIP, messages: numbered(1000) }))
  const seen = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => m.length === 1000)
  assert.deepEqual(seen.map((m) => m.value.toString()), numbered(1000).map((m) => m.value))
})

for (const acks of [0, 1, -1]) {
  await check(`acks=${acks} records arrive`, async () => {
    const topic = await topicWith(1)
    await producing({}, async (producer) => {
      for (const message of numbered(20)) await producer.send({ topic, acks, messages: [message] })
    })
    const seen = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => m.length === 20)
    assert.deepEqual(seen.map((m) => m.value.toString()), numbered(20).map((m) => m.value))
  })
}

await check('an idempotent producer writes each record once', async () => {
  const topic = await topicWith(3)
  await producing({ idempotent: true }, async (producer) => {
    for (let i = 0; i < 20; i++) await producer.send({ topic, acks: -1, messages: numbered(10).map((m) => ({ ...m, value: `${i}-${m.value}` })) })
  })
  const seen = await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => m.length === 200)
  assert.equal(new Set(seen.map((m) => m.value.toString())).size, 200)
})

await check('a record above max.message.bytes is refused', async () => {
  const topic = await topicWith(1, [{ name: 'max.message.bytes', value: '2000' }])
  await assert.rejects(producing({ retry: { retries: 0 } }, (producer) => producer.send({ topic, messages: [{ value: 'x'.repeat(5000) }] })), { type: 'MESSAGE_TOO_LARGE' })
})

await check('a transactional producer is told so instead of hanging', async () => {
  const producer = kafka.producer({ transactionalId: fresh('tx'), maxInFlightRequests: 1, idempotent: true, retry: { retries: 1 } })
  await producer.connect()
  // kafkajs names no code where no coordinator is found, but it does not try again.
  const began = Date.now()
  await assert.rejects(producer.transaction(), { name: 'KafkaJSGroupCoordinatorNotFound' })
  assert.ok(Date.now() - began < 2000)
  await producer.disconnect()
}, 20)

await check('two members of a group share 12 partitions and take over when one leaves', async () => {
  const topic = await topicWith(12)
  const groupId = fresh('pair')
  const owned = new Map()
  const member = (name) => {
    const consumer = kafka.consumer({ groupId, sessionTimeout: 10000, heartbeatInterval: 300 })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => owned.set(name, payload.memberAssignment[topic]?.length ?? 0))
    return consumer
  }
  const settled = async (wanted) => { while (JSON.stringify([...owned.values()].sort()) !== JSON.stringify(wanted)) await new Promise((r) => setTimeout(r, 50)) }
  const [first, second] = [member('first'), member('second')]
  for (const consumer of [first, second]) {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async () => {} })
  }
  await settled([6, 6])
  const { groups } = await admin.describeGroups([groupId])
  assert.equal(groups[0].state, 'Stable')
  assert.equal(groups[0].members.length, 2)
  for (const { memberAssignment } of groups[0].members) assert.equal(AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment[topic].length, 6)
  await second.disconnect()
  owned.delete('second')
  await settled([12])
  await first.disconnect()
  assert.ok((await admin.listGroups()).groups.some((g) => g.groupId === groupId && g.protocolType === 'consumer'))
  await admin.deleteGroups([groupId])
  assert.ok(!(await admin.listGroups()).groups.some((g) => g.groupId === groupId))
})

await check('a group resumes at its committed offsets, which admin can read and reset', async () => {
  const topic = await topicWith(1)
  const groupId = fresh('resume')
  await producing({}, (producer) => producer.send({ topic, messages: numbered(10) }))
  await consumeUntil(kafka.consumer({ groupId }), [topic], (m) => m.length === 10)
  const offsets = async () => (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions[0].offset
  assert.equal(await offsets(), '10')
  await producing({}, (producer) => producer.send({ topic, messages: [{ value: 'eleventh' }] }))
  const [next] = await consumeUntil(kafka.consumer({ groupId }), [topic], (m) => m.length === 1)
  assert.equal(next.value.toString(), 'eleventh')
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }] })
  assert.equal(await offsets(), '3')
  const again = await consumeUntil(kafka.consumer({ groupId }), [topic], (m) => m.length === 8)
  assert.equal(again[0].offset, '3')
})

await check('admin finds offsets by timestamp', async () => {
  const topic = await topicWith(1)
  await producing({}, (producer) => producer.send({ topic, messages: numbered(10).map((m, i) => ({ ...m, timestamp: String(1700000000000 + i * 1000) })) }))
  assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, 1700000004500))[0].offset, '5')
})

await check('100 partitions: every record of every partition arrives', async () => {
  const topic = await topicWith(100)
  const messages = Array.from({ length: 2000 }, (_, i) => ({ value: `${i}`, partition: i % 100 }))
  await producing({}, (producer) => producer.send({ topic, messages }))
  const values = new Set()
  await consumeUntil(kafka.consumer({ groupId: fresh('g') }), [topic], (m) => values.add(m.at(-1).value.toString()).size === 2000)
})

for (const [how, name] of [['term', 'a clean stop'], ['kill', 'kill -9']]) {
  await check(`a running consumer goes on after ${name} and start of the broker`, async () => {
    const topic = await topicWith(2)
    const consumer = kafka.consumer({ groupId: fresh('g'), sessionTimeout: 10000, heartbeatInterval: 300, retry: { retries: 50, maxRetryTime: 500 } })
    const values = []
    let wanted, arrived
    const until = (count) => { wanted = count; return new Promise((resolve) => { arrived = resolve; if (values.length >= count) resolve() }) }
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => { values.push(message.value.toString()); if (values.length >= wanted) arrived?.() } })
    await producing({}, (producer) => producer.send({ topic, acks: -1, messages: numbered(50) }))
    await until(50)
    brokerctl(how, 'main')
    brokerctl('up', 'main')
    await producing({}, (producer) => producer.send({ topic, acks: -1, messages: numbered(50).map((m) => ({ value: `after-${m.value}` })) }))
    await until(100)
    await consumer.disconnect()
    assert.equal(new Set(values).size, 100)
  })
}

await admin.disconnect()
process.exit(0)
