import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An idempotent Java producer that numbers its records: ClusterLoad BOOTSTRAP TOPIC KEYS PER_SECOND. Prints
 * "ack NUMBER PARTITION OFFSET" or "refused NUMBER WHY"; ends when its standard input does, with "sent COUNT".
 */
public final class ClusterLoad {
    private static volatile boolean ending;

    public static void main(String[] args) throws Exception {
        int keys = Integer.parseInt(args[2]);
        long pauseMs = 1000 / Integer.parseInt(args[3]);
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("acks", "all");
        properties.put("linger.ms", "1");
        properties.put("delivery.timeout.ms", "300000");
        properties.put("request.timeout.ms", "10000");
        properties.put("retry.backoff.ms", "20");
        properties.put("retry.backoff.max.ms", "200");
        properties.put("reconnect.backoff.ms", "20");
        properties.put("reconnect.backoff.max.ms", "200");
        properties.put("max.block.ms", "300000");
        Thread watch = new Thread(ClusterLoad::awaitEnd);
        watch.setDaemon(true);
        watch.start();
        AtomicLong answered = new AtomicLong();
        long number = 0;
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            while (!ending) {
                long sent = number++;
                int key = (int) (sent % keys);
                producer.send(new ProducerRecord<>(args[1], key, String.valueOf(key), String.valueOf(sent)), (told, error) -> {
                    synchronized (answered) {
                        System.out.println(error == null ? "ack " + sent + " " + told.partition() + " " + told.offset() : "refused " + sent + " " + error);
                    }
                });
                Thread.sleep(pauseMs);
            }
        }
        System.out.println("sent " + number);
    }

    private static void awaitEnd() {
        try {
            while (System.in.read() >= 0) {
                // Only its end matters.
            }
        } catch (java.io.IOException gone) {
            // Nobody is there any more: the same.
        }
        ending = true;
    }
}
