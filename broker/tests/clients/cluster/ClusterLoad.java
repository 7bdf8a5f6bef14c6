import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An idempotent Java producer and a group of two: ClusterLoad BOOTSTRAP TOPIC KEYS PER_SECOND GIVES_UP_MS. What it prints and
 * when it ends: {@code Program} in clients.py.
 */
public final class ClusterLoad {
    private static final long COMMIT_MS = 200;
    private static volatile boolean produced;
    private static volatile boolean ending;
    private static String bootstrap;
    private static String topic;
    private static String givesUpMs;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        topic = args[1];
        int keys = Integer.parseInt(args[2]);
        long pauseMs = 1000 / Integer.parseInt(args[3]);
        givesUpMs = args[4];
        List<Thread> members = new ArrayList<>();
        for (String name : List.of("a", "b")) {
            Thread member = new Thread(() -> read(name));
            member.start();
            members.add(member);
        }
        Thread producing = new Thread(() -> produce(keys, pauseMs));
        producing.start();
        try (var input = new BufferedReader(new InputStreamReader(System.in))) {
            while (input.readLine() != null) {
                produced = true;
            }
        }
        produced = true;
        producing.join();
        ending = true;
        for (Thread member : members) {
            member.join();
        }
    }

    private static void produce(int keys, long pauseMs) {
        Properties properties = common();
        properties.put("acks", "all");
        properties.put("linger.ms", "1");
        properties.put("delivery.timeout.ms", "300000");
        properties.put("max.block.ms", "300000");
        // With more, a record may never be answered after a leader fell silent: see README.md.
        properties.put("max.in.flight.requests.per.connection", "1");
        long number = 0;
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            while (!produced) {
                long sent = number++;
                int key = (int) (sent % keys);
                producer.send(new ProducerRecord<>(topic, key, String.valueOf(key), String.valueOf(sent)), (told, error) ->
                    say(error == null ? "ack " + sent + " " + told.partition() + " " + told.offset() : "refused " + sent + " " + error));
                Thread.sleep(pauseMs);
            }
        } catch (InterruptedException never) {
            throw new IllegalStateException(never);
        }
        for (int key = 0; key < keys; key++) {
            say("sent " + key + " " + (number + keys - 1 - key) / keys);
        }
    }

    private static void read(String member) {
        Properties properties = common();
        properties.put("group.id", topic);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
        Map<TopicPartition, OffsetAndMetadata> kept = new HashMap<>();
        boolean[] isCommitting = {false};
        long due = 0;
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    partitions.forEach(positions::remove);
                    say("assigned " + member + partitions.stream().map(one -> " " + one.partition()).collect(Collectors.joining()));
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    partitions.forEach(positions::remove);
                }
            });
            while (!ending) {
                for (var record : consumer.poll(Duration.ofMillis(50))) {
                    say("saw " + member + " " + record.partition() + " " + record.offset() + " " + record.value());
                    positions.put(new TopicPartition(topic, record.partition()), new OffsetAndMetadata(record.offset() + 1));
                }
                var pending = new HashMap<>(positions);
                pending.entrySet().removeIf(one -> one.getValue().equals(kept.get(one.getKey())));
                if (!pending.isEmpty() && !isCommitting[0] && System.currentTimeMillis() >= due) {
                    isCommitting[0] = true;
                    due = System.currentTimeMillis() + COMMIT_MS;
                    consumer.commitAsync(pending, (offsets, error) -> {
                        isCommitting[0] = false;
                        // With an error there is no coordinator for now, or the group moved on.
                        if (error == null) {
                            kept.putAll(offsets);
                            offsets.forEach((one, offset) -> say("committed " + one.partition() + " " + offset.offset()));
                        }
                    });
                }
            }
        }
    }

    private static Properties common() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("request.timeout.ms", givesUpMs);
        properties.put("retry.backoff.ms", "20");
        properties.put("retry.backoff.max.ms", "200");
        properties.put("reconnect.backoff.ms", "20");
        properties.put("reconnect.backoff.max.ms", "200");
        return properties;
    }

    private static synchronized void say(String line) {
        System.out.println(line);
    }
}
