/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: the taps of the vifs.
 *
 * A tap of QEMU's own would need a QEMU that may make interfaces, and go when
 * that dies, with all that Xen's scripts have done to it: its place in a
 * bridge, its routes, its rules. So the taps are the daemon's. They stay when
 * nobody has them open, and the next QEMU opens the same. All that QEMU must be
 * is the tap's owner.
 *
 * A tap is known by its interface's index, which Linux doesn't use again, and
 * not by its name, which somebody else's interface may have by now. The record
 * of it is a file RUN-DIR/<domid>.<devid>.tap. It is written before the tap is
 * made to stay: a daemon that dies in between leaves no tap that nobody knows.
 */
#include "pgd-tap.h"

#include "pgd-log.h"
#include "pgd-store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool set_mtu(const TapWish *wish, GError **err)
{
    struct ifreq request = { .ifr_mtu = wish->mtu };
    int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok;

    g_strlcpy(request.ifr_name, wish->name, IFNAMSIZ);
    ok = sock >= 0 && ioctl(sock, SIOCSIFMTU, &request) == 0;
    if (!ok) {
        set_errno_error(err, "cannot set the MTU of tap %s to the vif's key "
                        "'mtu', %u", wish->name, wish->mtu);
    }
    if (sock >= 0) {
        close(sock);
    }
    return ok;
}

static bool create(int tun, const TapWish *wish, GError **err)
{
    struct ifreq request = {
        .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL |
                     (wish->multi_queue ? IFF_MULTI_QUEUE : 0),
    };

    g_strlcpy(request.ifr_name, wish->name, IFNAMSIZ);
    if (ioctl(tun, TUNSETIFF, &request) < 0) {
        set_errno_error(err, "cannot make tap %s%s", wish->name,
                        errno == EBUSY ? ", as there is an interface of that "
                        "name" : "");
        return false;
    }
    if (ioctl(tun, TUNSETOWNER, wish->owner) < 0) {
        set_errno_error(err, "cannot give tap %s to user %u", wish->name,
                        wish->owner);
        return false;
    }
    return wish->mtu == 0 || set_mtu(wish, err);
}

static char *record_path(const char *run_dir, const TapRecord *record)
{
    return g_strdup_printf("%s/%u.%u.tap", run_dir, record->domid,
                           record->devid);
}

static bool write_record(const char *run_dir, const TapRecord *record,
                         GError **err)
{
    g_autofree char *path = record_path(run_dir, record);
    g_autofree char *text = g_strdup_printf("%u\n", record->index);

    return g_file_set_contents(path, text, -1, err);
}

static void remove_record(const char *run_dir, const TapRecord *record)
{
    g_autofree char *path = record_path(run_dir, record);

    g_unlink(path);
}

/*
 * keep: make it stay when it is closed
 */
static bool keep(int tun, const char *run_dir, const char *name,
                 TapRecord *record, GError **err)
{
    record->index = if_nametoindex(name);
    if (record->index == 0) {
        set_errno_error(err, "cannot find tap %s", name);
        return false;
    }
    if (!write_record(run_dir, record, err)) {
        return false;
    }
    if (ioctl(tun, TUNSETPERSIST, 1) < 0) {
        set_errno_error(err, "cannot keep tap %s", name);
        remove_record(run_dir, record);
        return false;
    }
    return true;
}

bool tap_make(const char *dev, const char *run_dir, const TapWish *wish,
              TapRecord *record, GError **err)
{
    g_autofree char *path = g_build_filename(dev, "net/tun", NULL);
    bool ok;
    int tun;

    if (strlen(wish->name) >= IFNAMSIZ) {
        g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_NAMETOOLONG,
                    "cannot make tap %s: a name has at most %d characters",
                    wish->name, IFNAMSIZ - 1);
        return false;
    }
    tun = open(path, O_RDWR | O_CLOEXEC);
    if (tun < 0) {
        set_errno_error(err, "cannot make tap %s: cannot open %s (is the "
                        "module tun loaded?)", wish->name, path);
        return false;
    }
    ok = create(tun, wish, err) &&
         keep(tun, run_dir, wish->name, record, err);
    close(tun);
    return ok;
}

char *tap_name(unsigned int index)
{
    char name[IFNAMSIZ];

    return g_strdup(if_indextoname(index, name));
}

/*
 * ask_to_delete: send the kernel a request, and read what it says
 *
 * Returns 0, or the error's number.
 */
static int ask_to_delete(int sock, unsigned int index)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } request = {
        .header = {
            .nlmsg_len = sizeof(request),
            .nlmsg_type = RTM_DELLINK,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
        },
        .info = { .ifi_family = AF_UNSPEC, .ifi_index = index },
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;

    if (send(sock, &request, sizeof(request), 0) < 0 ||
        recv(sock, &answer, sizeof(answer), 0) < 0) {
        return errno;
    }
    return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error
                                                   : EPROTO;
}

bool tap_remove(const char *run_dir, const TapRecord *record, GError **err)
{
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int problem = sock < 0 ? errno : ask_to_delete(sock, record->index);

    if (sock >= 0) {
        close(sock);
    }
    if (problem && problem != ENODEV) {
        errno = problem;
        set_errno_error(err, "cannot remove the tap of vif %u, with index %u",
                        record->devid, record->index);
        return false;
    }
    remove_record(run_dir, record);
    return true;
}

static bool read_record(const char *run_dir, const char *name,
                        TapRecord *record)
{
    g_autofree char *path = g_build_filename(run_dir, name, NULL);
    g_auto(GStrv) part = g_strsplit(name, ".", -1);
    g_autofree char *text = NULL;

    return g_strv_length(part) == 3 && g_str_equal(part[2], "tap") &&
           parse_id(part[0], DOMID_MAX, &record->domid) &&
           parse_id(part[1], G_MAXINT, &record->devid) &&
           g_file_get_contents(path, &text, NULL, NULL) &&
           parse_id(g_strchomp(text), G_MAXINT, &record->index);
}

GArray *tap_list(const char *run_dir)
{
    GArray *records = g_array_new(false, false, sizeof(TapRecord));
    g_autoptr(GDir) dir = g_dir_open(run_dir, 0, NULL);
    const char *name;
    TapRecord record;

    while (dir && (name = g_dir_read_name(dir))) {
        if (read_record(run_dir, name, &record)) {
            g_array_append_val(records, record);
        }
    }
    return records;
}
