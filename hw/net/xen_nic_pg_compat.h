/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU's versions differ in
 *
 * The device is built in QEMU 10.0 and in newer ones.  What they changed, for
 * it, is here; the rest of it knows no version.
 */

#ifndef HW_NET_XEN_NIC_PG_COMPAT_H
#define HW_NET_XEN_NIC_PG_COMPAT_H

#include "net/net.h"

#define QEMU_IS_AT_LEAST(major, minor) \
    (QEMU_VERSION_MAJOR > (major) || \
     (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

/* What a class's initialiser gets a pointer to */
#if QEMU_IS_AT_LEAST(10, 1)
typedef const void XenNicPgClassData;
#else
typedef void XenNicPgClassData;
#endif

/**
 * xen_nic_pg_set_offload: say what the frames of a netdev may leave undone
 * @nc: the netdev
 * @csum: checksums
 * @tso4: segmentation of TCP over IPv4
 * @tso6: likewise over IPv6
 */
static inline void xen_nic_pg_set_offload(NetClientState *nc, bool csum,
                                          bool tso4, bool tso6)
{
#if QEMU_IS_AT_LEAST(10, 2)
    NetOffloads offloads = { .csum = csum, .tso4 = tso4, .tso6 = tso6 };

    qemu_set_offload(nc, &offloads);
#else
    qemu_set_offload(nc, csum, tso4, tso6, 0, 0, 0, 0);
#endif
}

#endif
