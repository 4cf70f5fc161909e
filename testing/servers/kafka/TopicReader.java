import java.nio.charset.StandardCharsets;
import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints what a read-committed consumer of Kafka's own client sees of a topic, one record a line as JSON, and a last line that
 * says how many there were. Run from its source: java -cp JARS TopicReader.java BROKERS TOPIC DEADLINE_MS PARTITION:END...
 * It reads each partition up to its END, which may be a transaction marker.
 */
public class TopicReader {
  public static void main(String[] args) throws Exception {
    long giveUpAt = System.currentTimeMillis() + Long.parseLong(args[2]);
    Map<TopicPartition, Long> ends = new HashMap<>();
    for (int i = 3; i < args.length; i++) {
      String[] parts = args[i].split(":");
      ends.put(new TopicPartition(args[1], Integer.parseInt(parts[0])), Long.parseLong(parts[1]));
    }
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("max.poll.records", "2000");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    long records = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings);
         BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII), 1 << 16)) {
      List<TopicPartition> partitions = new ArrayList<>(ends.keySet());
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        if (System.currentTimeMillis() > giveUpAt) throw new IllegalStateException("expected to reach " + ends + " in time");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          if (record.offset() >= ends.get(new TopicPartition(record.topic(), record.partition()))) continue;
          print(record, out);
          records++;
        }
      }
      out.write("{\"records\":" + records + "}\n");
    }
  }

  private static void print(ConsumerRecord<byte[], byte[]> record, BufferedWriter out) throws Exception {
    StringBuilder line = new StringBuilder("{\"partition\":").append(record.partition()).append(",\"offset\":").append(record.offset());
    line.append(",\"key\":").append(base64(record.key()));
    byte[] value = record.value();
    line.append(",\"value\":").append(value == null ? "null" : '"' + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value)) + '"');
    line.append(",\"headers\":[");
    String comma = "";
    for (Header header : record.headers()) {
      line.append(comma).append('[').append(base64(header.key().getBytes(StandardCharsets.UTF_8))).append(',').append(base64(header.value())).append(']');
      comma = ",";
    }
    out.write(line.append("]}\n").toString());
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? "null" : '"' + Base64.getEncoder().encodeToString(bytes) + '"';
  }
}
