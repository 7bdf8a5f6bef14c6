import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

/** Writes with Kafka, moves the folder, reads and writes on with ours. One producer lives through all of it. */
public final class Migration {
    static final String PORT = System.getenv("PORT"), BOOTSTRAP = "127.0.0.1:" + PORT, WORK = System.getenv("WORK");
    static final TopicPartition MOVED = new TopicPartition("moved", 0);
    /** Lately, for producers whose last record is a day old are forgotten. */
    static final long BEGAN = System.currentTimeMillis() - 1_000_000;
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    record Sent(long offset, long timestamp, String key, String value, String headers) { }

    interface Body { void run() throws Exception; }

    static void check(String name, Body body) {
        try {
            body.run();
            System.out.println("pass migration: " + name);
        } catch (Throwable problem) {
            problem.printStackTrace();
            System.out.println(("fail migration: " + name + ": " + problem).replace('\n', ' '));
        }
    }

    static void equal(Object actual, Object expected) {
        if (!Objects.equals(actual, expected)) throw new AssertionError(shortly(actual) + " is not " + shortly(expected));
    }

    static String shortly(Object value) {
        String text = String.valueOf(value);
        return text.length() <= 300 ? text : text.substring(0, 300) + "…";
    }

    /** What a program printed; fails if it does not end as it should. */
    static String program(int code, Map<String, String> environment, String... command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Path printed = Files.createTempFile(Path.of(WORK), "printed", "");
        Process process = builder.redirectOutput(printed.toFile()).start();
        int ended = process.waitFor();
        String text = Files.readString(printed);
        if (ended != code) throw new AssertionError(String.join(" ", command) + " ended with " + ended + ": " + text);
        return text;
    }

    static void broker(String peer, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("brokerctl"));
        command.addAll(List.of(arguments));
        program(0, Map.of("PEER", peer), command.toArray(String[]::new));
    }

    static String importing(int code) throws Exception {
        return program(code, Map.of(), System.getenv("WEIR"), "import", WORK + "/kafka/data/moved-0", "--data-dir", WORK + "/ours/data");
    }

    static Admin admin() { return Admin.create(Map.of("bootstrap.servers", BOOTSTRAP)); }

    static void createTopic() throws Exception {
        try (Admin admin = admin()) {
            // As small as Kafka allows.
            Map<String, String> configs = Map.of("segment.bytes", "1048576");
            admin.createTopics(List.of(new NewTopic("moved", 1, (short) 1).configs(configs))).all().get();
        }
    }

    static KafkaProducer<String, String> producer(String codec) {
        return new KafkaProducer<>(Map.of("bootstrap.servers", BOOTSTRAP, "compression.type", codec, "linger.ms", 20), new StringSerializer(), new StringSerializer());
    }

    static String headers(Iterable<Header> headers) {
        StringBuilder text = new StringBuilder();
        for (Header header : headers) text.append(header.key()).append('=').append(new String(header.value(), StandardCharsets.UTF_8)).append(' ');
        return text.toString();
    }

    static List<Sent> send(Producer<String, String> producer, int count, Random random) throws Exception {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        List<java.util.concurrent.Future<RecordMetadata>> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] noise = new byte[1500];
            random.nextBytes(noise);
            String value = Base64.getEncoder().encodeToString(noise) + "x".repeat(1000);
            // Times go back and forth.
            long timestamp = BEGAN + random.nextInt(1_000_000);
            ProducerRecord<String, String> record = new ProducerRecord<>("moved", 0, timestamp, i % 7 == 0 ? null : "key-" + i, value);
            record.headers().add("number", Integer.toString(i).getBytes(StandardCharsets.UTF_8));
            records.add(record);
            answers.add(producer.send(record));
        }
        producer.flush();
        List<Sent> sent = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ProducerRecord<String, String> record = records.get(i);
            RecordMetadata answer = answers.get(i).get(60, TimeUnit.SECONDS);
            sent.add(new Sent(answer.offset(), record.timestamp(), record.key(), record.value(), headers(record.headers())));
        }
        return sent;
    }

    static List<Sent> read(long from, int count) {
        Map<String, Object> config = Map.of("bootstrap.servers", BOOTSTRAP);
        List<Sent> read = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(MOVED));
            consumer.seek(MOVED, from);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (read.size() < count && System.nanoTime() < end) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) read.add(new Sent(r.offset(), r.timestamp(), r.key(), r.value(), headers(r.headers())));
            }
        }
        return read.subList(0, Math.min(count, read.size()));
    }

    static Set<String> producers() throws Exception {
        Set<String> told = new TreeSet<>();
        try (Admin admin = admin()) {
            for (ProducerState state : admin.describeProducers(List.of(MOVED)).partitionResult(MOVED).get().activeProducers()) {
                told.add(state.producerId() + "/" + state.producerEpoch() + " last sequence " + state.lastSequence() + " at " + state.lastTimestamp());
            }
        }
        return told;
    }

    static long offset(OffsetSpec spec) throws Exception {
        try (Admin admin = admin()) { return admin.listOffsets(Map.of(MOVED, spec)).partitionResult(MOVED).get().offset(); }
    }

    static long firstAt(List<Sent> sent, long timestamp) {
        return sent.stream().filter(one -> one.timestamp() >= timestamp).mapToLong(Sent::offset).findFirst().orElse(-1);
    }

    public static void main(String[] arguments) throws Exception {
        Random random = new Random(7);
        broker("kafka", "start", "kafka", PORT);
        createTopic();
        List<Sent> sent = new ArrayList<>();
        KafkaProducer<String, String> lasting = producer("lz4");
        sent.addAll(send(lasting, 10, random));
        for (String codec : CODECS) {
            try (KafkaProducer<String, String> producer = producer(codec)) { sent.addAll(send(producer, 400, random)); }
        }
        sent.addAll(send(lasting, 10, random));
        Set<String> producers = producers();
        equal(producers.size(), CODECS.size() + 1);

        check("folder of a running Kafka is refused", () -> {
            Files.createDirectories(Path.of(WORK, "ours", "data"));
            Files.writeString(Path.of(WORK, "ours", "data", "weir.json"), "{}");
            equal(importing(1).contains("Kafka is running on"), true);
        });
        broker("kafka", "term", "kafka");
        broker("weir", "start", "ours", PORT);
        createTopic();
        check("folder of a running broker is refused", () -> equal(importing(1).contains("stop its weir-broker first"), true));
        broker("weir", "term", "ours");
        check("partition is imported with all of its records", () -> {
            String printed = importing(0);
            equal(printed.matches("(?s).*moved +0 +0 +" + sent.size() + " +" + sent.size() + "\\b.*"), true);
            try (var files = Files.list(Path.of(WORK, "ours", "data", "moved-0"))) {
                equal(files.filter(file -> file.toString().endsWith(".log")).count() >= 3, true);
            }
        });
        check("partition that is there is not written over", () -> equal(importing(1).contains("is there already"), true));
        broker("weir", "up", "ours");

        check("every record is served at its offset, with key, value, headers and timestamp", () -> equal(read(0, sent.size()), sent));
        check("records are found from the middle of each segment", () -> {
            for (long from = 100; from < sent.size(); from += 330) equal(read(from, 1).get(0), sent.get((int) from));
        });
        check("offsets for times", () -> {
            for (long after = -5; after < 1_000_000; after += 83_333) equal(offset(OffsetSpec.forTimestamp(BEGAN + after)), firstAt(sent, BEGAN + after));
            equal(offset(OffsetSpec.forTimestamp(BEGAN + 2_000_000)), -1L);
            long latest = sent.stream().mapToLong(Sent::timestamp).max().getAsLong();
            equal(offset(OffsetSpec.maxTimestamp()), firstAt(sent, latest));
            equal(offset(OffsetSpec.latest()), (long) sent.size());
        });
        check("idempotent producers are known with their last sequence", () -> equal(producers(), producers));
        check("producer that began with Kafka goes on, and so does a new one", () -> {
            List<Sent> more = send(lasting, 10, random);
            try (KafkaProducer<String, String> producer = producer("zstd")) { more.addAll(send(producer, 10, random)); }
            equal(more.get(0).offset(), (long) sent.size());
            equal(read(sent.size(), more.size()), more);
            equal(producers().size(), producers.size() + 1);
        });
        check("all of it is there after a restart", () -> {
            broker("weir", "term", "ours");
            broker("weir", "up", "ours");
            equal(offset(OffsetSpec.latest()), sent.size() + 20L);
            equal(read(0, sent.size()), sent);
        });
        lasting.close(Duration.ZERO);
        System.exit(0);
    }
}
