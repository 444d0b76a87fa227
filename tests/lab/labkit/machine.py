# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated machine: start it, talk to its dom0, switch it off.

Debian's qemu-system-x86_64 boots the real Xen under TCG, which boots Debian's
kernel as dom0 from the image and the payload; both disks are opened with
snapshot=on, so nothing that happens in the machine outlives it.  The serial
console (Xen's and dom0's kernel messages) goes to a file; commands go over a
virtio-serial port to dom0/agent.

One thread reads the agent's messages and sorts them by request.  Another one
looks for what Xen says when it crashes, or a guest does by the emulator's fault;
either may leave the machine running, and those who wait for an answer waiting.
It ends the machine when Xen had the time to say all of it.  Times out
here are generous and only keep a broken machine from hanging the run: that a
check passes never depends on time.
"""

import json
import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

from . import faults, image, payload

BOOT_TIMEOUT = 300
COMMAND_TIMEOUT = 300
DEATH_TIME = 10

XEN_OPTIONS = ('console=com1 com1=115200,8n1 conring_size=1M loglvl=info '
               'guest_loglvl=warning dom0_mem=1024M,max:1024M')
LINUX_OPTIONS = 'root=/dev/vda console=hvc0 loglevel=5'


class MachineError(Exception):
    """The machine did not do what the runner needs."""


class CommandError(Exception):
    """A command in dom0 or a guest failed; the message has its output."""


class Machine:
    """A running machine with Xen and dom0."""

    def __init__(self, log_dir, programs, disks=()):
        """Describe a machine; boot() starts it.

        @log_dir: where its console goes
        @programs: what is under test, and in which dom0 (programs.py)
        @disks: further disks, beside the image and the payload
        """
        os.makedirs(log_dir, exist_ok=True)
        self.console_log = os.path.join(log_dir, 'console.log')
        self.programs = programs
        self.disks = disks
        self.work = tempfile.mkdtemp(prefix='xen-nic-pg-lab.')
        self.process = None
        self.sock = None
        self.serial = 0
        self.answers = {}
        self.lock = threading.Lock()
        self.ready = threading.Event()
        self.silent = set()     # guests that don't answer at all

    def boot(self):
        """Start the machine and wait for dom0's agent."""
        try:
            self._start(image.ensure_image())
            self.sock = self._connect('agent')
            for target in self._read_messages, self._watch_xen:
                threading.Thread(target=target, daemon=True).start()
            end = time.monotonic() + BOOT_TIMEOUT
            while not self.ready.wait(0.2):
                if self.process.poll() is not None:
                    raise MachineError('the machine ended during boot')
                if time.monotonic() > end:
                    raise MachineError('dom0 did not come up in %d s'
                                       % BOOT_TIMEOUT)
        except MachineError as error:
            tail = self.read_console()[-3000:]
            self.stop()
            raise MachineError('%s\n%s' % (error, tail)) from None

    def _start(self, image_dir):
        """Start the emulator."""
        disks = [self.programs.find_root(image_dir),
                 payload.write_payload(image_dir, self.work,
                                       self.programs.list_files()),
                 *self.disks]
        command = ['qemu-system-x86_64', '-M', 'q35', '-accel',
                   'tcg,thread=multi', '-cpu', 'qemu64,+svm,+npt', '-smp', '2',
                   '-m', '3072', '-nodefaults', '-no-user-config',
                   '-display', 'none', '-no-reboot',
                   '-serial', 'file:' + self.console_log,
                   '-kernel', image_dir + '/xen', '-append', XEN_OPTIONS,
                   '-initrd', '{0}/vmlinuz.dom0 {1},{0}/initrd.dom0'
                   .format(image_dir, LINUX_OPTIONS)]
        for disk in disks:
            command += ['-drive', 'file=%s,if=virtio,format=raw,snapshot=on'
                        % disk]
        command += ['-device', 'virtio-serial-pci']
        for number, name in ((1, 'agent'), (2, 'shell')):
            command += ['-chardev', 'socket,id=%s,path=%s/%s,server=on,'
                        'wait=off' % (name, self.work, name),
                        '-device', 'virtserialport,chardev=%s,nr=%d,'
                        'name=lab.%s' % (name, number, name)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=sys.stderr,
                                        start_new_session=True)

    def _connect(self, name):
        """Connect to one of the emulator's sockets."""
        sock = socket.socket(socket.AF_UNIX)
        path = os.path.join(self.work, name)
        while True:
            try:
                sock.connect(path)
                return sock
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    raise MachineError('qemu-system-x86_64 ended with exit '
                                       'code %d' % self.process.returncode
                                       ) from None
                time.sleep(0.05)

    def _read_messages(self):
        """Sort the agent's messages by request, until the machine ends."""
        with self.sock.makefile('r', encoding='utf-8') as lines:
            for line in lines:
                message = json.loads(line)
                if message.get('event') == 'ready':
                    self.ready.set()
                else:
                    self.answers[message['id']].put(message)
        with self.lock:
            for answers in self.answers.values():
                answers.put({'data': '\n[lab: the machine ended]\n'})
                answers.put({'rc': -1})
            self.sock = None

    def _watch_xen(self):
        """End the machine if Xen or a guest has crashed."""
        while self.alive():
            if faults.is_spoilt(self.read_console()):
                time.sleep(DEATH_TIME)
                self.process.kill()
                return
            time.sleep(1)

    def _request(self, **message):
        """Send a request; return the queue of its answers."""
        with self.lock:
            if self.sock is None:
                raise MachineError('the machine has ended')
            self.serial += 1
            answers = queue.Queue()
            self.answers[self.serial] = answers
            message['id'] = self.serial
            self.sock.sendall(json.dumps(message).encode() + b'\n')
        return answers

    def _finish(self, answers, timeout, show):
        """Collect a request's output; return its exit code and output."""
        output = ''
        # The agent keeps the time; the margin is for its answer.
        end = time.monotonic() + timeout + 60
        while True:
            try:
                answer = answers.get(timeout=max(1, end - time.monotonic()))
            except queue.Empty:
                return -1, output + '\n[lab: dom0 does not answer]\n'
            if 'rc' in answer:
                return answer['rc'], output
            if 'silent' in answer:
                self.silent.add(answer['silent'])
                continue
            output += answer['data']
            if show:
                show(answer['data'])

    def try_run(self, command, timeout=COMMAND_TIMEOUT, show=None, **where):
        """Run a command; return its exit code and output."""
        where.setdefault('op', 'run')
        answers = self._request(command=command, timeout=timeout, **where)
        return self._finish(answers, timeout, show)

    def run(self, command, timeout=COMMAND_TIMEOUT, **where):
        """Run a command that must succeed; return its output, stripped."""
        code, output = self.try_run(command, timeout, **where)
        if code:
            raise CommandError('%s: exit code %d from: %s\n%s'
                               % (where.get('guest', 'dom0'), code, command,
                                  output))
        return output.strip()

    def start(self, command, timeout=COMMAND_TIMEOUT, **where):
        """Start a command; return a function that waits for its result."""
        where.setdefault('op', 'run')
        answers = self._request(command=command, timeout=timeout, **where)
        return lambda: self._finish(answers, timeout, None)

    def shell(self):
        """Join this terminal with a shell in dom0."""
        size = shutil.get_terminal_size()
        sock = self._connect('shell')
        answers = self._request(op='shell', size=(size.lines, size.columns),
                                term=os.environ.get('TERM', 'vt100'))
        with RawTerminal():
            while answers.empty():
                for source in select.select([0, sock], [], [], 0.2)[0]:
                    data = os.read(source if source == 0 else sock.fileno(),
                                   65536)
                    if not data:
                        return
                    if source == 0:
                        sock.sendall(data)
                    else:
                        os.write(1, data)

    def read_console(self):
        """Return what Xen and dom0's kernel have printed."""
        try:
            with open(self.console_log, errors='replace') as log:
                return log.read().replace('\r', '')
        except FileNotFoundError:
            return ''

    def alive(self):
        """Tell whether the emulator runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Switch the machine off."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


class RawTerminal:
    """While entered, the user's terminal passes every key on."""

    def __enter__(self):
        self.saved = termios.tcgetattr(0) if os.isatty(0) else None
        if self.saved:
            tty.setraw(0)

    def __exit__(self, *unused):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
