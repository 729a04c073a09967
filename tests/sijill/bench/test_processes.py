import os
import socket
import subprocess
import sys

from sijill.bench.processes import answering, children, resident_bytes


def test_who_answers_a_connection_is_found_by_its_sockets() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0],
    ):
        port, client_port = listener.getsockname()[1], client.getsockname()[1]

        assert answering([os.getpid()], port, client_port) == os.getpid()
        assert answering([os.getppid()], port, client_port) is None
        assert answering([os.getpid()], port, 1) is None


def test_children_are_those_that_a_supervisor_starts() -> None:
    code = "import sys; sys.stdout.write('up\\n'); sys.stdout.flush(); sys.stdin.read()"
    command = [sys.executable, "-c", code, "sijill.child", "keeper"]
    other = [sys.executable, "-c", code, "somebody.else", "keeper"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child,
        subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger,
    ):
        for process in (child, stranger):
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"

        assert children(os.getpid()) == {child.pid: "keeper"}
        assert resident_bytes(child.pid) > 1_000_000
        for process in (child, stranger):
            process.communicate()
        assert resident_bytes(child.pid) == 0
