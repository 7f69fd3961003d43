/* size_files.c: writes the result of `fairgate size` as files that the packaged programs read.
 * Their names differ from the delivered settings, so neither an upgrade nor an operator has to
 * merge anything. systemd units read them as their environment, fairgate-edge reads edge.d, Redis
 * and PostgreSQL include them, and the kernel's settings replace those of the packages. */
#include "acts/runs.h"

#include "plan/size.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* Connections: PostgreSQL's default; payment-adapter's per loop; all others. */
enum {
    CONNECTIONS_LEAST = 100,
    CONNECTIONS_A_LOOP = 4,
    CONNECTIONS_APART = 40,
    NAME_BYTES_MAX = 4096
};

#define UNIT_OF(service) "/etc/systemd/system/" service ".service.d/size.conf"
#define KERNEL           "/etc/sysctl.d/60-fairgate.conf"

struct folder {
    const struct job *job;
    const char *dir;
    const struct size_ask *ask;
    int status;
};

/* Creates the folders of the path. After a failure nothing more is written. */
__attribute__((format(printf, 3, 4))) static void put(struct folder *folder, const char *path,
                                                      const char *format, ...)
{
    char name[NAME_BYTES_MAX];
    if (folder->status != EXIT_DONE)
        return;
    int len = snprintf(name, sizeof(name), "%s/%s", folder->dir, path);
    bool good = len >= 0 && (size_t)len < sizeof(name);
    errno = ENAMETOOLONG;
    for (char *at = name + 1; good && (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        good = mkdir(name, 0755) == 0 || errno == EEXIST;
        *at = '/';
    }
    FILE *file = good ? fopen(name, "we") : NULL;
    if (file != NULL) {
        va_list args;
        fprintf(file, "# By fairgate size, for %.0f visitors and %.0f seats.\n",
                folder->ask->visitors, folder->ask->seats);
        va_start(args, format);
        vfprintf(file, format, args);
        va_end(args);
        good = ferror(file) == 0;
        good = fclose(file) == 0 && good;
    }
    if (file == NULL || !good)
        folder->status = job_say(folder->job, EXIT_USAGE, "%.300s: %s", name, strerror(errno));
}

static void put_kernel(struct folder *folder, const char *path, const struct size *size)
{
    double files = fmax(1048576, fmax(size->edge_files, size->front_files));
    put(folder, path,
        "# Files of a process, and connections that a firewall here may follow (if it follows "
        "any).\n"
        "fs.nr_open = %.0f\n"
        "-net.netfilter.nf_conntrack_max = %.0f\n"
        "# Those that wait to be accepted, and ports towards each server.\n"
        "net.core.somaxconn = 4096\n"
        "net.ipv4.tcp_max_syn_backlog = 8192\n"
        "net.ipv4.ip_local_port_range = 10240 65535\n",
        files, files);
}

__attribute__((format(printf, 4, 5))) static void put_unit(struct folder *folder, const char *path,
                                                           double files, const char *format, ...)
{
    char lines[512];
    va_list args;
    va_start(args, format);
    vsnprintf(lines, sizeof(lines), format, args);
    va_end(args);
    put(folder, path, "[Service]\nLimitNOFILE=%.0f\n%s", fmax(1048576, files), lines);
}

int size_write(const struct job *job, const char *dir, const struct size_ask *ask,
               const struct size *size)
{
    struct folder folder = {job, dir, ask, EXIT_DONE};
    put(&folder, "edge/etc/fairgate/edge.d/size.conf", "maxconn = %.0f\n", size->maxconn);
    put_unit(&folder, "edge" UNIT_OF("haproxy"), size->edge_files, "%s", "");
    put_kernel(&folder, "edge" KERNEL, size);
    put_unit(&folder, "queue-front" UNIT_OF("fairgate-queue-front"), size->front_files,
             "Environment=FAIRGATE_HTTP_LOOPS=%.0f\n", ask->front_cores);
    put_kernel(&folder, "queue-front" KERNEL, size);
    put_unit(&folder, "seat-service" UNIT_OF("fairgate-seat-service"), 0,
             "Environment=FAIRGATE_HTTP_LOOPS=%d FAIRGATE_OWNER_MEMORY=%.0fm\n", SIZE_SEAT_CORES,
             ceil(size->seats_bytes / 1e6));
    put_unit(
        &folder, "payment-adapter" UNIT_OF("fairgate-payment-adapter"), 0,
        "Environment=FAIRGATE_HTTP_LOOPS=%.0f\n"
        "# The same in all of them. Ask the provider, and the owner of the user table, first.\n"
        "Environment=FAIRGATE_PSP_PER_S=%.0f FAIRGATE_USERS_QUERIES_PER_S=%.0f\n",
        ask->pay_cores, size->psp_per_s, size->users_per_s);
    put(&folder, "redis/etc/redis/fairgate-size.conf",
        "maxmemory %.0fmb\nmaxmemory-policy noeviction\n", ceil(size->redis_bytes / 1e6));
    put(&folder, "redis/etc/sysctl.d/60-fairgate-redis.conf",
        "# A fork of Redis that rewrites its file shares its memory.\nvm.overcommit_memory = 1\n");
    put(&folder, "postgresql/conf.d/fairgate-size.conf",
        "max_connections = %.0f\nshared_buffers = %.0fGB\nmax_wal_size = 4GB\n",
        fmax(CONNECTIONS_LEAST,
             (size->pays + SIZE_SPARE) * ask->pay_cores * CONNECTIONS_A_LOOP + CONNECTIONS_APART),
        size->postgres_gb / 4);
    if (folder.status == EXIT_DONE && !job_option(job, OPTION_JSON))
        fprintf(job->out, "\nThe settings of each machine are below %s.\n", dir);
    return folder.status;
}
