import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

/** What a Java application does with its producer, consumers and admin client; one line a check. */
public final class ClientSuite {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");
    static final Admin ADMIN = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP));
    static int serial;

    interface Body { void run() throws Exception; }

    static void check(String name, Body body) {
        ExecutorService one = Executors.newSingleThreadExecutor(task -> { Thread t = new Thread(task); t.setDaemon(true); return t; });
        try {
            one.submit(() -> { body.run(); return null; }).get(60, TimeUnit.SECONDS);
            System.out.println("pass java clients: " + name);
        } catch (Throwable problem) {
            problem.printStackTrace();
            System.out.println(("fail java clients: " + name + ": " + problem).replace('\n', ' '));
        }
        one.shutdownNow();
    }

    static void equal(Object actual, Object expected) {
        if (!Objects.equals(actual, expected)) throw new AssertionError(actual + " is not " + expected);
    }

    static String fresh(String prefix) { return prefix + "-" + ProcessHandle.current().pid() + "-" + ++serial; }

    static String topicWith(int partitions, Map<String, String> configs) throws Exception {
        String topic = fresh("topic");
        ADMIN.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(configs))).all().get();
        return topic;
    }

    static void brokerctl(String... args) throws Exception {
        List<String> command = new ArrayList<>(List.of("brokerctl"));
        command.addAll(List.of(args));
        equal(new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor(), 0);
    }

    static KafkaProducer<String, String> producer(Map<String, Object> config) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", BOOTSTRAP));
        all.putAll(config);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Map<String, Object> config) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", BOOTSTRAP, "auto.offset.reset", "earliest", "session.timeout.ms", 6000, "heartbeat.interval.ms", 300));
        all.putAll(config);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    static List<ConsumerRecord<String, String>> consume(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        while (records.size() < count) consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        return records;
    }

    /** A consumer that polls in a thread of its own and tells how many partitions it owns. */
    static final class Member implements AutoCloseable {
        final AtomicBoolean leaving = new AtomicBoolean();
        final List<Set<TopicPartition>> assignments = new CopyOnWriteArrayList<>();
        volatile int owned;
        final Thread thread;

        Member(String topic, Map<String, Object> config) {
            thread = new Thread(() -> {
                try (KafkaConsumer<String, String> consumer = consumer(config)) {
                    consumer.subscribe(List.of(topic));
                    Set<TopicPartition> last = Set.of();
                    while (!leaving.get()) {
                        consumer.poll(Duration.ofMillis(50));
                        Set<TopicPartition> now = consumer.assignment();
                        if (!now.equals(last)) assignments.add(last = Set.copyOf(now));
                        owned = now.size();
                    }
                }
            });
            thread.start();
        }

        @Override public void close() throws Exception { leaving.set(true); thread.join(); }
    }

    static void until(Callable<Boolean> wanted) throws Exception {
        while (!wanted.call()) TimeUnit.MILLISECONDS.sleep(20);
    }

    public static void main(String[] args) {
        check("an idempotent producer goes on over kill -9: every record once, in order", () -> {
            String topic = topicWith(1, Map.of());
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            try (var producer = producer(Map.of("delivery.timeout.ms", 60000, "linger.ms", 1, "reconnect.backoff.max.ms", 300))) {
                for (int i = 0; i < 20000; i++) {
                    sent.add(producer.send(new ProducerRecord<>(topic, Integer.toString(i))));
                    if (i == 10000) { brokerctl("kill", "main"); brokerctl("up", "main"); }
                }
                for (Future<RecordMetadata> one : sent) one.get();
            }
            try (var consumer = consumer(Map.of("group.id", fresh("g")))) {
                consumer.subscribe(List.of(topic));
                List<String> values = consume(consumer, 20000).stream().map(ConsumerRecord::value).toList();
                equal(values, IntStream.range(0, 20000).mapToObj(Integer::toString).toList());
            }
        });

        for (String assignor : List.of("RangeAssignor", "CooperativeStickyAssignor"))
            check("members share partitions and take over with the " + assignor, () -> {
                String topic = topicWith(6, Map.of());
                Map<String, Object> config = Map.of("group.id", fresh("shared"), "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor);
                try (Member first = new Member(topic, config)) {
                    try (Member second = new Member(topic, config)) {
                        until(() -> first.owned == 3 && second.owned == 3);
                    }
                    until(() -> first.owned == 6);
                }
            });

        check("a static member that restarts keeps its partitions and moves no one else's", () -> {
            String topic = topicWith(4, Map.of());
            String group = fresh("static");
            Map<String, Object> one = Map.of("group.id", group, "group.instance.id", "one", "session.timeout.ms", 30000);
            Map<String, Object> two = Map.of("group.id", group, "group.instance.id", "two", "session.timeout.ms", 30000);
            try (Member first = new Member(topic, one)) {
                Member second = new Member(topic, two);
                until(() -> first.owned == 2 && second.owned == 2);
                int moves = first.assignments.size();
                Set<TopicPartition> owned = second.assignments.get(second.assignments.size() - 1);
                second.close();
                try (Member again = new Member(topic, two)) {
                    until(() -> again.owned == 2);
                    equal(again.assignments.get(0), owned);
                    equal(first.assignments.size(), moves);
                }
            }
        });

        check("commits, lag and group description through admin", () -> {
            String topic = topicWith(1, Map.of());
            String group = fresh("g");
            try (var producer = producer(Map.of())) {
                for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, "v" + i));
            }
            TopicPartition where = new TopicPartition(topic, 0);
            try (var consumer = consumer(Map.of("group.id", group, "enable.auto.commit", false, "isolation.level", "read_committed"))) {
                consumer.subscribe(List.of(topic));
                consume(consumer, 100);
                consumer.commitSync(Map.of(where, new OffsetAndMetadata(42, Optional.of(0), "note")));
                equal(consumer.committed(Set.of(where)).get(where).metadata(), "note");
                GroupState state = ADMIN.describeConsumerGroups(List.of(group)).all().get().get(group).groupState();
                equal(state, GroupState.STABLE);
            }
            OffsetAndMetadata kept = ADMIN.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(where);
            equal(kept.offset(), 42L);
            ADMIN.deleteConsumerGroups(List.of(group)).all().get();
        });

        check("offsets for times, earliest, latest and the largest timestamp", () -> {
            String topic = topicWith(1, Map.of());
            try (var producer = producer(Map.of("linger.ms", 50))) {
                long[] stamps = {1000, 5000, 3000, 4000};
                for (long stamp : stamps) producer.send(new ProducerRecord<>(topic, 0, 1700000000000L + stamp, null, "x"));
            }
            TopicPartition where = new TopicPartition(topic, 0);
            List<OffsetSpec> specs = List.of(OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.maxTimestamp(), OffsetSpec.forTimestamp(1700000002000L), OffsetSpec.earliestLocal());
            List<Long> offsets = new ArrayList<>();
            for (OffsetSpec spec : specs) offsets.add(ADMIN.listOffsets(Map.of(where, spec)).partitionResult(where).get().offset());
            equal(offsets, List.of(0L, 4L, 1L, 1L, 0L));
        });

        check("admin: configs of a topic with sources, incremental changes, records deleted, partitions added", () -> {
            String topic = topicWith(2, Map.of("retention.ms", "7000"));
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            Config before = ADMIN.describeConfigs(List.of(resource)).all().get().get(resource);
            equal(before.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
            equal(before.get("segment.bytes").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG);
            ADMIN.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
            equal(ADMIN.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value(), "604800000");
            try (var producer = producer(Map.of())) {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 1, null, "v"));
            }
            TopicPartition where = new TopicPartition(topic, 1);
            equal(ADMIN.deleteRecords(Map.of(where, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(where).get().lowWatermark(), 10L);
            ADMIN.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            equal(ADMIN.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), 5);
        });

        check("a keyless record is refused on a compacted topic", () -> {
            String topic = topicWith(1, Map.of("cleanup.policy", "compact"));
            try (var producer = producer(Map.of())) {
                producer.send(new ProducerRecord<>(topic, "no key")).get();
                throw new AssertionError("accepted");
            } catch (ExecutionException refused) {
                equal(refused.getCause().getClass(), org.apache.kafka.common.InvalidRecordException.class);
            }
        });

        check("a transactional producer is told so", () -> {
            try (var producer = producer(Map.of("transactional.id", fresh("tx"), "max.block.ms", 15000))) {
                producer.initTransactions();
                throw new AssertionError("transactions are not there yet");
            } catch (org.apache.kafka.common.errors.TransactionalIdAuthorizationException told) {
                System.err.println("told: " + told);
            }
        });

        ADMIN.close(Duration.ofSeconds(1));
        System.exit(0);
    }
}
