"""A real STOMP client (Debian's python3-stomp) that plays one scenario against a port and prints what it saw as JSON.

    /usr/bin/python3 stomp-client.py PORT SCENARIO [VERSION]
"""
import json
import sys
import threading

import stomp

PORT = int(sys.argv[1])
SCENARIO = sys.argv[2]
VERSION = sys.argv[3] if len(sys.argv) > 3 else '1.2'
KINDS = {'1.0': stomp.Connection10, '1.1': stomp.Connection11, '1.2': stomp.Connection12}
LIMIT_S = 20


class Seen(stomp.ConnectionListener):
    """Everything that came, with a condition to wait on."""

    def __init__(self):
        self.changed = threading.Condition()
        self.messages, self.receipts, self.errors = [], [], []
        self.heartbeats = 0
        self.is_disconnected = False

    def _note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def on_message(self, frame):
        self._note(lambda: self.messages.append(frame))

    def on_receipt(self, frame):
        self._note(lambda: self.receipts.append(frame.headers['receipt-id']))

    def on_error(self, frame):
        self._note(lambda: self.errors.append(frame))

    def on_heartbeat(self):
        def count():
            self.heartbeats += 1
        self._note(count)

    def on_disconnected(self):
        def end():
            self.is_disconnected = True
        self._note(end)

    def until(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, LIMIT_S):
                raise SystemExit('%s: nothing within %d s; errors %s' % (what, LIMIT_S, [e.body for e in self.errors]))


def connect(client_id=None, heartbeats=(0, 0)):
    options = {} if VERSION == '1.0' else {'heartbeats': heartbeats}
    connection = KINDS[VERSION]([('127.0.0.1', PORT)], **options)
    seen = Seen()
    connection.set_listener('seen', seen)
    headers = {} if client_id is None else {'client-id': client_id}
    connection.connect(wait=True, headers=headers)
    return connection, seen


def ack(connection, frame, verb='ack', **more):
    method = getattr(connection, verb)
    if VERSION == '1.2':
        method(frame.headers['ack'], **more)
    elif VERSION == '1.1':
        method(frame.headers['message-id'], frame.headers['subscription'], **more)
    else:
        method(frame.headers['message-id'], **more)


def subscribe(connection, destination, mode='auto', **headers):
    connection.subscribe(destination=destination, id='s', ack=mode, headers=headers)


def told(frame):
    names = ('priority', 'persistent', 'color', 'correlation-id', 'reply-to', 'type', 'redelivered', 'subscription', 'destination', 'spaced')
    return {'body': frame.body, **{name: frame.headers[name] for name in names if name in frame.headers}}


def talk():
    connection, seen = connect()
    subscribe(connection, '/queue/TALK', 'client-individual' if VERSION != '1.0' else 'client')
    headers = {'persistent': 'true', 'priority': '7', 'color': 'red', 'correlation-id': 'c-1', 'reply-to': '/queue/ANSWERS', 'type': 'order', 'receipt': 'sent'}
    if VERSION != '1.0':
        headers['spaced'] = 'line\nbreak: \\'
    connection.send('/queue/TALK', 'gr\u00fc\u00dfe', headers=headers)
    seen.until(lambda: seen.messages and seen.receipts, 'talk')
    ack(connection, seen.messages[0], receipt='acknowledged')
    seen.until(lambda: len(seen.receipts) == 2, 'acknowledgement')
    connection.disconnect(receipt='bye')
    seen.until(lambda: 'bye' in seen.receipts, 'bye')
    return {'message': told(seen.messages[0]), 'receipts': seen.receipts}


def transaction():
    connection, seen = connect()
    kept = connection.begin()
    connection.send('/queue/TX', 'kept', transaction=kept, persistent='true')
    given_up = connection.begin()
    connection.send('/queue/TX', 'given up', transaction=given_up, persistent='true')
    connection.abort(given_up)
    connection.commit(kept, receipt='committed')
    seen.until(lambda: 'committed' in seen.receipts, 'commit')
    subscribe(connection, '/queue/TX', 'client')
    seen.until(lambda: seen.messages, 'delivery')
    consumed = connection.begin()
    ack(connection, seen.messages[0], transaction=consumed)
    connection.abort(consumed)
    seen.until(lambda: len(seen.messages) == 2, 'delivery after abort')
    consumed = connection.begin()
    ack(connection, seen.messages[1], transaction=consumed)
    connection.commit(consumed, receipt='consumed')
    seen.until(lambda: 'consumed' in seen.receipts, 'second commit')
    connection.disconnect()
    return [told(frame) for frame in seen.messages]


def refuse():
    connection, seen = connect()
    subscribe(connection, '/queue/NACK', 'client-individual')
    connection.send('/queue/NACK', 'poison', persistent='true')
    seen.until(lambda: seen.messages, 'delivery')
    ack(connection, seen.messages[0], 'nack')
    seen.until(lambda: len(seen.messages) == 2, 'second delivery')
    ack(connection, seen.messages[1], 'nack', receipt='away')
    seen.until(lambda: 'away' in seen.receipts, 'nack')
    connection.disconnect()
    return [told(frame) for frame in seen.messages]


def publish():
    one, seen = connect('durable-%s' % VERSION)
    subscribe(one, '/topic/py/+', 'client', durable='true', selector="color = 'red'")
    one.unsubscribe(id='s')
    one.disconnect(receipt='bye')
    seen.until(lambda: 'bye' in seen.receipts, 'bye')
    sender, _ = connect()
    for color in ('red', 'blue'):
        sender.send('/topic/py/%s' % color, color, color=color, persistent='true', receipt=color)
    sender.disconnect()
    again, seen = connect('durable-%s' % VERSION)
    subscribe(again, '/topic/py/+', 'client', durable='true', selector="color = 'red'")
    seen.until(lambda: seen.messages, 'what came meanwhile')
    ack(again, seen.messages[0])
    again.unsubscribe(id='s', durable='true', receipt='ended')
    seen.until(lambda: 'ended' in seen.receipts, 'end of the subscription')
    again.disconnect()
    return [told(frame) for frame in seen.messages]


def beat():
    connection, seen = connect(heartbeats=(1000, 1000))
    seen.until(lambda: seen.heartbeats >= 3, 'heart-beats')
    connection.send('/queue/TALK', 'still here', receipt='alive', expires='1')
    seen.until(lambda: 'alive' in seen.receipts, 'receipt')
    connection.disconnect()
    return {'isCut': len(seen.errors) > 0}


def wrong():
    connection, seen = connect()
    connection.send('/queue/NO.SUCH.QUEUE', 'lost', receipt='never')
    seen.until(lambda: seen.errors and seen.is_disconnected, 'error and end')
    return {name: seen.errors[0].headers.get(name) for name in ('reason-code', 'reason', 'receipt-id')}


def fill():
    connection, seen = connect()
    for number in range(500):
        connection.send('/queue/SAFE', str(number), persistent='true', receipt=str(number))
    seen.until(lambda: len(seen.receipts) == 500, 'receipts')
    return len(seen.receipts)


def empty():
    connection, seen = connect()
    subscribe(connection, '/queue/SAFE', 'client', **{'prefetch-count': '500'})
    seen.until(lambda: len(seen.messages) == 500, 'messages')
    ack(connection, seen.messages[-1], receipt='all')
    seen.until(lambda: 'all' in seen.receipts, 'acknowledgement')
    connection.disconnect()
    return [int(frame.body) for frame in seen.messages] == list(range(500))


def hang():
    """Begins work, says so, and waits to be frozen."""
    connection, seen = connect(heartbeats=(1000, 0))
    subscribe(connection, '/queue/HANG', 'client')
    seen.until(lambda: seen.messages, 'delivery')
    begun = connection.begin()
    ack(connection, seen.messages[0], transaction=begun)
    connection.send('/queue/HANG', 'never', transaction=begun, persistent='true', receipt='in')
    seen.until(lambda: 'in' in seen.receipts, 'receipt')
    print('ready', flush=True)
    threading.Event().wait(120)


print(json.dumps(globals()[SCENARIO]()), flush=True)
