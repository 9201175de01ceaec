// Package systemd is what a service and its manager say to each other: the unit
// files of the tracker, the sockets that it is handed (sd_listen_fds(3)), and how it says
// that it is ready (sd_notify(3)). Both protocols are a few lines, so they are
// written here and not imported. On other systems nothing is handed over and nobody
// is told.
package systemd
