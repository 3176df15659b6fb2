#!/usr/bin/env python3
"""Writers for crash_loop.sh, and what must be true of their files after a crash.

crash_writers.py run DIR ACKS SEED     works below DIR until the mount goes away
crash_writers.py check DIR ACKS        verifies DIR against what was acknowledged

One write(2) is one change if the kernel sends it as one request: it cuts a write in two behind a
first page that it does not know and that is not overwritten as a whole. So what must not be torn is
written at whole pages, or with O_APPEND.

Each writer notes in ACKS (a directory that does not crash) what fsync has promised. `check` says
what is wrong in one line and ends with 1.
"""
import ctypes
import multiprocessing
import os
import random
import signal
import sqlite3
import struct
import sys
import zlib

HEADER = struct.Struct("<QII")  # number, length, checksum of number and body
BLOCK = 64 << 10
BLOCKS = 48
SLOTS = 60
LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Wrong(Exception):
    pass


def body_of(number, length):
    return random.Random(number * 7919 + length).randbytes(length)


def record(number, length):
    body = body_of(number, length)
    return HEADER.pack(number, length, zlib.crc32(body, number & 0xFFFFFFFF)) + body


def read_records(data, where, whole=True):
    """The numbers of the records in `data`; the last may be cut short if not `whole`."""
    numbers, at = [], 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            if not whole:
                break
            raise Wrong(f"{where}: {len(data) - at} odd bytes at {at}")
        number, length, crc = HEADER.unpack_from(data, at)
        body = data[at + HEADER.size:at + HEADER.size + length]
        if len(body) < length and not whole:
            break
        if len(body) != length or zlib.crc32(body, number & 0xFFFFFFFF) != crc:
            raise Wrong(f"{where}: the record at {at} (number {number}, {length} bytes) is torn")
        numbers.append(number)
        at += HEADER.size + length
    return numbers


def read(path):
    with open(path, "rb") as f:
        return f.read()


def make_directory(path):
    """Its parent is there, or else the mount has gone."""
    if not os.path.isdir(path):
        os.mkdir(path)


def fsync_path(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


class Acks:
    """The last number that was promised."""

    def __init__(self, directory, name):
        self.path = os.path.join(directory, name)
        self.last = int(read(self.path) or b"0") if os.path.exists(self.path) else 0

    def set(self, number):
        self.last = number
        with open(self.path + ".new", "w") as f:
            f.write(str(number))
        os.rename(self.path + ".new", self.path)


class Writer:
    def __init__(self, root, acks, name):
        self.dir = os.path.join(root, name)
        self.acks = Acks(acks, name)

    def exists(self):
        """False is right only as long as nothing was promised."""
        if os.path.isdir(self.dir):
            return True
        if self.acks.last:
            raise Wrong(f"{self.dir} is gone, {self.acks.last} was promised")
        return False


class Appender(Writer):
    """Appends records to a log, which starts anew now and then; every record is one write."""

    def __init__(self, root, acks, name, flags):
        super().__init__(root, acks, name)
        self.flags = flags

    def numbers(self, path):
        return read_records(read(path), path, self.flags != 0) if os.path.exists(path) else []

    def run(self, dice):
        make_directory(self.dir)
        path = os.path.join(self.dir, "log")
        numbers = self.numbers(path)
        number = numbers[-1] if numbers else self.acks.last
        if numbers:  # what is cut short goes
            at, data = 0, read(path)
            for _ in numbers:
                at += HEADER.size + HEADER.unpack_from(data, at)[1]
            os.truncate(path, at)
        elif os.path.exists(path):
            os.truncate(path, 0)
        while True:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | self.flags, 0o644)
            os.lseek(fd, 0, os.SEEK_END)
            for _ in range(dice.randrange(1, 40)):
                number += 1
                data = record(number, dice.choice([10, 500, 5000, 70000, 300000]))
                if os.write(fd, data) != len(data):
                    raise Wrong("a short write")
                if dice.random() < 0.4:
                    dice.choice([os.fsync, os.fdatasync])(fd)
                    self.acks.set(number)
            os.close(fd)
            if os.path.getsize(path) > 20 << 20:
                number += 1
                with open(path + ".new", "wb") as f:
                    f.write(record(number, 10))
                os.rename(path + ".new", path)

    def check(self):
        if not self.exists():
            return
        path = os.path.join(self.dir, "log")
        numbers = self.numbers(path)
        last = numbers[-1] if numbers else 0
        if numbers and numbers != list(range(numbers[0], last + 1)):
            raise Wrong(f"{path}: the numbers have gaps")
        if last < self.acks.last:
            raise Wrong(f"{path}: {self.acks.last} was promised, the last one there is {last}")


class Replacer(Writer):
    """Replaces files as editors do: new file, fsync, rename, fsync of the directory."""

    def run(self, dice):
        make_directory(self.dir)
        number = self.acks.last + 1000  # past whatever was under way
        while True:
            number += 1
            path = os.path.join(self.dir, f"document{number % 5}")
            with open(path + "~", "wb") as f:
                f.write(record(number, dice.randrange(200000)))
                f.flush()
                os.fsync(f.fileno())
            if dice.random() < 0.2 and os.path.exists(path):
                if os.path.exists(path + ".bak"):
                    os.unlink(path + ".bak")
                os.link(path, path + ".bak")
            os.rename(path + "~", path)
            fsync_path(self.dir)
            self.acks.set(number)

    def check(self):
        if not self.exists():
            return
        newest = 0
        for name in os.listdir(self.dir):
            path = os.path.join(self.dir, name)
            data = read(path)
            if name.endswith("~"):
                continue  # may be unfinished
            numbers = read_records(data, path)
            if len(numbers) != 1:
                raise Wrong(f"{path}: {len(numbers)} records instead of one")
            if not name.endswith(".bak"):
                newest = max(newest, numbers[0])
        if newest < self.acks.last:
            raise Wrong(f"{self.dir}: {self.acks.last} was promised, the newest is {newest}")


class Overwriter(Writer):
    """Overwrites blocks in place; a promise holds for all blocks."""

    def run(self, dice):
        make_directory(self.dir)
        fd = os.open(os.path.join(self.dir, "blocks"), os.O_RDWR | os.O_CREAT, 0o644)
        generation = self.acks.last + 1000
        promised = os.path.join(os.path.dirname(self.acks.path), "blocks.table")
        table = [0] * BLOCKS
        if os.path.exists(promised):
            table = [int(x) for x in read(promised).split()]
        while True:
            for _ in range(dice.randrange(1, 12)):
                generation += 1
                block = dice.randrange(BLOCKS)
                os.pwrite(fd, record(generation, BLOCK - HEADER.size), block * BLOCK)
                table[block] = generation
            os.fdatasync(fd)
            with open(promised + ".new", "w") as f:
                f.write(" ".join(map(str, table)))
            os.rename(promised + ".new", promised)
            self.acks.set(generation)

    def check(self):
        promised = os.path.join(os.path.dirname(self.acks.path), "blocks.table")
        if not self.exists() or not os.path.exists(promised):
            return
        data = read(os.path.join(self.dir, "blocks"))
        for block, generation in enumerate(map(int, read(promised).split())):
            part = data[block * BLOCK:(block + 1) * BLOCK]
            if not part.strip(b"\0"):
                if generation:
                    raise Wrong(f"block {block} is empty, {generation} was promised")
                continue
            number = read_records(part, f"block {block}")[0]
            if number < generation:
                raise Wrong(f"block {block} is of {number}, {generation} was promised")


class Database(Writer):
    """sqlite in both modes; the transaction of n inserts n and moves the sum."""

    def __init__(self, root, acks, name, mode):
        super().__init__(root, acks, name)
        self.mode = mode

    def open(self):
        return sqlite3.connect(os.path.join(self.dir, "db"), isolation_level=None, timeout=20)

    def run(self, dice):
        make_directory(self.dir)
        db = self.open()
        db.execute(f"PRAGMA journal_mode={self.mode}")
        db.execute("PRAGMA synchronous=EXTRA")  # FULL does not promise that the journal is gone
        db.execute("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, x BLOB)")
        db.execute("CREATE TABLE IF NOT EXISTS s(sum INTEGER)")
        if not db.execute("SELECT * FROM s").fetchone():
            db.execute("INSERT INTO s VALUES(0)")
        number = db.execute("SELECT coalesce(max(n), 0) FROM t").fetchone()[0]
        while True:
            number += 1
            db.execute("BEGIN")
            db.execute("INSERT INTO t VALUES(?, ?)", (number, dice.randbytes(dice.randrange(3000))))
            db.execute("UPDATE s SET sum = sum + ?", (number,))
            if dice.random() < 0.1:
                db.execute("UPDATE t SET x = x'00' WHERE n < ? AND n % 7 = ?",
                           (number, dice.randrange(7)))
            db.execute("COMMIT")
            self.acks.set(number)

    def check(self):
        if not self.exists() or not os.path.exists(os.path.join(self.dir, "db")):
            return
        db = self.open()
        if db.execute("SELECT name FROM sqlite_master WHERE name = 's'").fetchone() is None:
            if self.acks.last:
                raise Wrong(f"{self.dir}: the tables are gone")
            return
        state = db.execute("PRAGMA integrity_check").fetchone()[0]
        if state != "ok":
            raise Wrong(f"{self.dir}: {state}")
        count, most, total = db.execute(
            "SELECT count(*), coalesce(max(n), 0), coalesce(sum(n), 0) FROM t").fetchone()
        (kept,) = db.execute("SELECT sum FROM s").fetchone() or (0,)
        if count != most or total != kept or most < self.acks.last:
            raise Wrong(f"{self.dir}: {count} rows to {most}, sums {total} and {kept}, "
                        f"promised {self.acks.last}")
        db.close()


class Orderer(Writer):
    """Change number i goes to slot i % SLOTS, each slot in a way of its own, without fsync but now
    and then. If change i is there after a crash, then so is every one before it, and none is half
    there: what all slots show must be the state after one of the changes."""

    def path(self, slot):
        return os.path.join(self.dir, f"d{slot % 7}", f"slot{slot}")

    def apply(self, number):
        slot = number % SLOTS
        path, way = self.path(slot), slot % 10
        other = os.path.join(self.dir, f"d{(slot + 3) % 7}", f"t{slot}")
        text = b"%016d" % number
        if way in (0, 1):  # in place
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            os.pwrite(fd, text, 5000 if way else 0)
            os.close(fd)
        elif way == 2:  # from another directory over the old one
            with open(other, "wb") as f:
                f.write(text)
            os.rename(other, path)
        elif way == 3:  # only longer or shorter
            with open(path, "ab"):
                pass
            os.truncate(path, number)
        elif way == 4:
            with open(path, "ab"):
                pass
            os.setxattr(path, "user.n", text)
        elif way == 5:  # a symbolic link
            os.symlink(text, other)
            os.rename(other, path)
        elif way == 6:  # directories move, with something in them
            if os.path.isdir(path):
                os.rename(path, other)
                inside = os.path.join(other, os.listdir(other)[0])
                os.rename(inside, os.path.join(other, text.decode()))
                os.rename(other, path)
            else:
                os.mkdir(other)
                os.mkdir(os.path.join(other, text.decode()))
                os.rename(other, path)
        elif way == 7:  # exchanged with the other name
            for name in (path, other):
                with open(name, "ab"):
                    pass
            with open(other, "r+b") as f:
                f.write(text)
            if LIBC.renameat2(AT_FDCWD, path.encode(), AT_FDCWD, other.encode(), RENAME_EXCHANGE):
                raise OSError(ctypes.get_errno(), "renameat2")
        elif way == 8:  # times and mode
            with open(path, "ab"):
                pass
            os.utime(path, ns=(number, number))
        else:  # shared extents
            with open(other, "wb") as f:
                f.write(text * 300)
            with open(other, "rb") as a, open(path, "r+b" if os.path.exists(path) else "w+b") as b:
                if os.copy_file_range(a.fileno(), b.fileno(), 4800) != 4800:
                    raise Wrong("copy_file_range is short")
            os.unlink(other)

    def shown(self, slot):
        """The change that the slot shows; None if none was there yet; "moving" in the middle of a
        change of several steps."""
        path, way = self.path(slot), slot % 10
        other = os.path.join(self.dir, f"d{(slot + 3) % 7}", f"t{slot}")
        if not os.path.lexists(path):
            return "moving" if os.path.lexists(other) else None
        if way in (0, 1, 2, 7):
            data = read(path)[5000 if way == 1 else 0:]
            return int(data) if data else None
        if way == 3:
            return os.path.getsize(path) or None
        if way == 4:
            try:
                return int(os.getxattr(path, "user.n"))
            except OSError:
                return None
        if way == 5:
            return int(os.readlink(path))
        if way == 6:
            return int(os.listdir(path)[0])
        if way == 8:
            time = os.stat(path).st_mtime_ns
            return time if time < 1 << 50 else None
        data = read(path)
        if not data:
            return None
        if len(data) != 4800 or data != data[:16] * 300:
            raise Wrong(f"{path}: a copy is half there")
        return int(data[:16])

    def last(self):
        numbers = [n for n in map(self.shown, range(SLOTS)) if isinstance(n, int)]
        return max(numbers, default=0)

    def run(self, dice):
        make_directory(self.dir)
        for d in range(7):
            make_directory(os.path.join(self.dir, f"d{d}"))
        number = self.last()
        # The change after the last may have been interrupted: it is done again from the start.
        for d in range(7):
            for name in os.listdir(os.path.join(self.dir, f"d{d}")):
                slot = int(name.lstrip("tslo"))
                if name.startswith("t") and slot % 10 != 7:
                    self.clear(os.path.join(self.dir, f"d{d}", name), slot)
        while True:
            number += 1
            self.apply(number)
            if dice.random() < 0.03:
                fsync_path(self.dir)  # not even of what was changed: all before it counts
                fsync_path(os.path.join(self.dir, f"d{number % 7}"))

    def clear(self, path, slot):
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
        elif not os.path.exists(self.path(slot)):
            os.rename(path, self.path(slot))
        else:
            for name in os.listdir(path):
                os.rmdir(os.path.join(path, name))
            os.rmdir(path)

    def check(self):
        if not self.exists():
            return
        shown = [self.shown(slot) for slot in range(SLOTS)]
        newest = max((n for n in shown if isinstance(n, int)), default=0)
        for slot, number in enumerate(shown):
            wanted = newest - (newest - slot) % SLOTS
            if number == wanted or (wanted <= 0 and number is None):
                continue
            if slot == (newest + 1) % SLOTS and (number is None or number == "moving"):
                continue  # in the middle of the next change
            raise Wrong(f"{self.path(slot)} shows {number}, change {newest} is there: "
                        f"it should be {wanted}")


def writers(root, acks):
    return [Appender(root, acks, "append", os.O_APPEND), Appender(root, acks, "extend", 0),
            Replacer(root, acks, "replace"), Overwriter(root, acks, "overwrite"),
            Database(root, acks, "delete", "DELETE"), Database(root, acks, "wal", "WAL"),
            Orderer(root, acks, "order")]


def run_one(writer, seed):
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: with the parent
    try:
        writer.run(random.Random(seed))
    except (OSError, sqlite3.Error) as error:
        # The mount has gone; whatever else went wrong shows in the check.
        with open(writer.acks.path + ".ended", "w") as f:
            f.write(repr(error))


def run(root, acks, seed):
    children = [multiprocessing.Process(target=run_one, args=(w, f"{seed}/{i}"))
                for i, w in enumerate(writers(root, acks))]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return 0


def check(root, acks):
    failed = 0
    for writer in writers(root, acks):
        try:
            writer.check()
        except (Wrong, OSError, sqlite3.Error, ValueError, IndexError) as error:
            print(f"WRONG: {type(writer).__name__} {writer.dir}: {error!r}")
            failed = 1
    print("promised: " + ", ".join(f"{os.path.basename(w.acks.path)} {w.acks.last}"
                                   for w in writers(root, acks)) +
          f"; ordered changes {Orderer(root, acks, 'order').last()}")
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "run":
        sys.exit(run(sys.argv[2], sys.argv[3], sys.argv[4]))
    sys.exit(check(sys.argv[2], sys.argv[3]))
