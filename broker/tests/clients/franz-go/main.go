// Command franz-go-suite does with franz-go what Go applications do, one line a check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var bootstrap = os.Getenv("BOOTSTRAP")

func client(options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	must(err)
	return c
}

type failure struct{ error }

func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func equal[T comparable](actual, expected T, what string) {
	if actual != expected {
		must(fmt.Errorf("%s: %v is not %v", what, actual, expected))
	}
}

func check(name string, body func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Printf("fail franz-go: %s: %s\n", name, strings.ReplaceAll(fmt.Sprint(problem), "\n", " "))
			return
		}
		fmt.Printf("pass franz-go: %s\n", name)
	}()
	body(ctx)
}

var serial int

func fresh(prefix string) string {
	serial++
	return fmt.Sprintf("%s-%d-%d", prefix, os.Getpid(), serial)
}

func brokerctl(args ...string) { must(exec.Command("brokerctl", args...).Run()) }

func topicWith(ctx context.Context, partitions int32) string {
	topic := fresh("topic")
	admin := kadm.NewClient(client())
	defer admin.Close()
	made, err := admin.CreateTopic(ctx, partitions, -1, nil, topic)
	must(err)
	must(made.Err)
	return topic
}

func produce(ctx context.Context, topic string, count int, options ...kgo.Opt) {
	c := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer c.Close()
	var records []*kgo.Record
	for i := range count {
		records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Appendf(nil, "v%d", i), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}})
	}
	must(c.ProduceSync(ctx, records...).FirstErr())
}

// A poll reports a broker that is away as an error and goes on by itself; only the end of the time is final.
func consume(ctx context.Context, c *kgo.Client, count int) []string {
	var values []string
	var last error
	for len(values) < count {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			must(fmt.Errorf("%d of %d records came, last error: %w", len(values), count, last))
		}
		fetches.EachError(func(_ string, _ int32, err error) { last = err })
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func main() {
	check("an idempotent producer's records arrive once, read committed", func(ctx context.Context) {
		topic := topicWith(ctx, 3)
		produce(ctx, topic, 5000)
		c := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		defer c.Close()
		values := consume(ctx, c, 5000)
		slices.Sort(values)
		equal(len(slices.Compact(values)), 5000, "distinct records")
	})

	codecs := map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range codecs {
		check(name+" round trip", func(ctx context.Context) {
			topic := topicWith(ctx, 1)
			produce(ctx, topic, 1000, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond))
			c := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			defer c.Close()
			for i, value := range consume(ctx, c, 1000) {
				equal(value, fmt.Sprintf("v%d", i), "value")
			}
		})
	}

	check("a group of two commits and goes on after kill -9 and start of the broker", func(ctx context.Context) {
		topic, group := topicWith(ctx, 4), fresh("group")
		member := func() *kgo.Client {
			return client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(300*time.Millisecond), kgo.SessionTimeout(6*time.Second))
		}
		produce(ctx, topic, 1000)
		first := member()
		seen := len(consume(ctx, first, 1000))
		equal(seen, 1000, "records before")
		must(first.CommitUncommittedOffsets(ctx))
		brokerctl("kill", "main")
		brokerctl("up", "main")
		produce(ctx, topic, 10)
		equal(len(consume(ctx, first, 10)), 10, "records after")
		must(first.CommitUncommittedOffsets(ctx))
		first.Close()

		admin := kadm.NewClient(client())
		defer admin.Close()
		lag, err := admin.Lag(ctx, group)
		must(err)
		must(lag.Error())
		equal(lag[group].Lag.Total(), 0, "lag")
		described, err := admin.DescribeGroups(ctx, group)
		must(err)
		equal(described[group].State, "Empty", "state")
		_, err = admin.DeleteGroup(ctx, group)
		must(err)
	})

	check("admin lists offsets, configs, log directories and deletes", func(ctx context.Context) {
		topic := topicWith(ctx, 2)
		produce(ctx, topic, 100)
		admin := kadm.NewClient(client())
		defer admin.Close()
		ends, err := admin.ListEndOffsets(ctx, topic)
		must(err)
		var total int64
		ends.Each(func(o kadm.ListedOffset) { must(o.Err); total += o.Offset })
		equal(total, 100, "records")
		configs, err := admin.DescribeTopicConfigs(ctx, topic)
		must(err)
		must(configs[0].Err)
		dirs, err := admin.DescribeAllLogDirs(ctx, nil)
		must(err)
		var size int64
		for _, broker := range dirs {
			must(broker.Error())
			broker.EachPartition(func(p kadm.DescribedLogDirPartition) {
				if p.Topic == topic {
					size += p.Size
				}
			})
		}
		if size == 0 {
			must(errors.New("the topic has no size on disk"))
		}
		deleted, err := admin.DeleteTopic(ctx, topic)
		must(err)
		must(deleted.Err)
		again, err := admin.DeleteTopic(ctx, topic)
		if err == nil {
			err = again.Err
		}
		equal(errors.Is(err, kerr.UnknownTopicOrPartition), true, fmt.Sprintf("deleting again gives %v; unknown topic", err))
	})

	check("a transactional producer is told so", func(ctx context.Context) {
		c := client(kgo.TransactionalID(fresh("tx")), kgo.DefaultProduceTopic(topicWith(ctx, 1)), kgo.RecordRetries(2))
		defer c.Close()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		err := c.BeginTransaction()
		if err == nil {
			err = c.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
		}
		equal(err != nil && strings.Contains(err.Error(), kerr.TransactionalIDAuthorizationFailed.Message), true, fmt.Sprintf("%v is final", err))
	})
}
