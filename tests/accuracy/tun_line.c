/* A delay line for a test: whatever one TUN device of one network namespace sends comes out of another's, later.
 *
 * tun_line NETNS_A NETNS_B DELAY_US JITTER_US LOSS_PPM SEED
 * Both devices are named `line`. Jitter (uniform) and loss are on the way from B to A alone. Each line on stdin is
 * answered by one of JSON with what was really done; the end of stdin ends it. Needs root.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 4096
#define MTU 2048

struct packet { int64_t arrived, due; int bytes; unsigned char data[MTU]; };

struct way {
    int in, out, count;
    int64_t delay, jitter;
    double loss;
    struct packet *waiting[SLOTS]; /* by due time, the latest first */
    long packets, lost, lost_rtp;
    int64_t held_sum, held_min, held_max;
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) { perror(what); exit(1); }

static int open_tun(const char *netns) {
    struct ifreq request;
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", netns);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0) die(path);
    close(space);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) die("/dev/net/tun");
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "line");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(tun, TUNSETIFF, &request) < 0) die("TUNSETIFF");
    return tun;
}

/* RTP and not RTCP, in UDP in IPv4 without options: RFC 7983 section 7, RFC 5761 section 4. */
static int is_rtp(const struct packet *p) {
    const unsigned char *d = p->data;
    return p->bytes > 40 && d[0] == 0x45 && d[9] == 17 && d[28] >> 6 == 2 && (d[29] < 192 || d[29] > 223);
}

static void take(struct way *way) {
    static struct packet came;
    while ((came.bytes = read(way->in, came.data, MTU)) > 0) {
        int lost = drand48() < way->loss;
        came.arrived = now_ns();
        came.due = came.arrived + way->delay + (int64_t)(drand48() * way->jitter);
        if (lost || way->count == SLOTS) {
            way->lost++;
            way->lost_rtp += is_rtp(&came);
            continue;
        }
        struct packet *kept = malloc(sizeof came);
        if (kept == NULL) die("malloc");
        *kept = came;
        int at = way->count++;
        for (; at > 0 && way->waiting[at - 1]->due <= kept->due; at--) way->waiting[at] = way->waiting[at - 1];
        way->waiting[at] = kept;
    }
}

static void release(struct way *way) {
    while (way->count && way->waiting[way->count - 1]->due <= now_ns()) {
        struct packet *p = way->waiting[--way->count];
        if (write(way->out, p->data, p->bytes) == p->bytes) {
            int64_t held = now_ns() - p->arrived;
            way->held_sum += held;
            if (!way->packets++ || held < way->held_min) way->held_min = held;
            if (held > way->held_max) way->held_max = held;
        }
        free(p);
    }
}

static void tell_way(const char *name, const struct way *w, const char *end) {
    double mean = w->packets ? (double)w->held_sum / w->packets : 0;
    printf("\"%s\": {\"packets\": %ld, \"lost\": %ld, \"lost_rtp\": %ld, \"mean_s\": %.9f, \"min_s\": %.9f, "
           "\"max_s\": %.9f}%s", name, w->packets, w->lost, w->lost_rtp, mean / 1e9, w->held_min / 1e9,
           w->held_max / 1e9, end);
}

int main(int argc, char **argv) {
    static struct way forth, back;
    char line[256];
    if (argc != 7) return 2;
    int a = open_tun(argv[1]), b = open_tun(argv[2]);
    forth.in = back.out = a;
    forth.out = back.in = b;
    forth.delay = back.delay = atoll(argv[3]) * 1000;
    back.jitter = atoll(argv[4]) * 1000;
    back.loss = atof(argv[5]) / 1e6;
    srand48(atol(argv[6]));
    prctl(PR_SET_TIMERSLACK, 1);
    nice(-15);
    puts("{}");
    fflush(stdout);
    for (;;) {
        struct way *ways[] = {&forth, &back};
        int64_t next = INT64_MAX, now = now_ns();
        for (int i = 0; i < 2; i++)
            if (ways[i]->count && ways[i]->waiting[ways[i]->count - 1]->due < next)
                next = ways[i]->waiting[ways[i]->count - 1]->due;
        int64_t wait = next > now ? next - now : 0;
        struct timespec limit = {wait / 1000000000LL, wait % 1000000000LL};
        struct pollfd watched[] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {0, POLLIN, 0}};
        ppoll(watched, 3, next == INT64_MAX ? NULL : &limit, NULL);
        if (watched[2].revents) {
            if (read(0, line, sizeof line) <= 0) return 0;
            printf("{");
            tell_way("forth", &forth, ", ");
            tell_way("back", &back, "}\n");
            fflush(stdout);
        }
        for (int i = 0; i < 2; i++) {
            take(ways[i]);
            release(ways[i]);
        }
    }
}
