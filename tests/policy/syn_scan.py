"""A half-open scan: `syn_scan.py ADDRESS PORT...`, from a raw socket on the loopback.

Sends a SYN to each port and prints `PORT open` for a SYN-ACK, `PORT reset` for a reset. No
connection is made: the kernel knows none of ours, and resets what is answered.
"""
import socket
import struct
import sys
import time

SYN, RST, ACK = 0x02, 0x04, 0x10
OURS = 40_000
LIMIT_S = 10


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(address, port):
    def header(sum_):
        return struct.pack("!HHIIBBHHH", OURS, port, port, 0, 5 << 4, SYN, 1024, sum_, 0)

    ends = socket.inet_aton(address) * 2  # from the address to itself
    pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    return header(checksum(pseudo + header(0)))


address, wanted = sys.argv[1], set(map(int, sys.argv[2:]))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.bind((address, 0))
raw.settimeout(1)
for port in wanted:
    raw.sendto(syn(address, port), (address, 0))
until = time.monotonic() + LIMIT_S
while wanted and time.monotonic() < until:
    try:
        packet = raw.recv(65536)
    except TimeoutError:
        continue
    tcp = packet[(packet[0] & 15) * 4:]
    source, target = struct.unpack("!HH", tcp[:4])
    flags = tcp[13]
    if target != OURS or source not in wanted or not flags & (RST | ACK):
        continue
    wanted.remove(source)
    print(source, "open" if flags & SYN else "reset")
