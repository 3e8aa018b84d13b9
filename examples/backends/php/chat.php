<?php
// SPDX-License-Identifier: MIT
// A chat whose sockets are in Yodel: a request tells of events, the answer says what to do.
const USERS = ['ann' => 'rose', 'boris' => 'oak']; // a real one keeps hashes, for password_verify()

function is_signed(string $body): bool
{
    [$id, $time] = [$_SERVER['HTTP_WEBHOOK_ID'] ?? '', $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? ''];
    $hash = hash_hmac('sha256', "$id.$time.$body", getenv('WEBHOOK_SECRET'), true);
    $signatures = explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '');
    $is_right = fn($signature) => hash_equals('v1,' . base64_encode($hash), $signature);
    return abs(time() - (int) $time) <= 300 && array_filter($signatures, $is_right) !== [];
}

function api(string $call, ?array $body = null): array
{
    $header = ['Content-Type: application/json', 'Authorization: Bearer ' . getenv('API_KEY')];
    $http = ['header' => $header, 'timeout' => 2, 'method' => $body === null ? 'GET' : 'POST', 'content' => json_encode($body)];
    $answer = file_get_contents(getenv('API_URL') . $call, false, stream_context_create(['http' => $http]));
    return json_decode($answer, true, 32, JSON_THROW_ON_ERROR);
}

function emit(string $room, string $event, array ...$args): array
{
    return ['emit' => ['to' => ['rooms' => [$room]], 'event' => $event, 'args' => $args, 'history' => $event === 'said']];
}

function answer(array $event): array
{
    if ($event['kind'] === 'connect') {
        [$name, $password] = [$event['auth']['name'] ?? null, $event['auth']['password'] ?? null];
        $is_known = is_string($name) && isset(USERS[$name]) && USERS[$name] === $password;
        return $is_known ? ['user' => $name] : ['reject' => ['message' => 'wrong name or password']];
    }
    if ($event['kind'] !== 'event') {
        return ['actions' => array_map(fn($room) => emit($room, 'people'), $event['rooms'] ?? [])];
    }
    [$name, $value, $socket] = [$event['event'], $event['args'][0] ?? null, $event['socket']];
    static $rooms = []; // of sockets, by answers to what is ahead in this request: their meta is as it was before it
    $room = $rooms[$socket['sid']] ?? $socket['meta']['room'] ?? null;
    if ($name === 'join' && is_string($value) && preg_match('/^[a-z]{1,20}$/D', $value)) {
        $leave = $room !== null && $room !== $value ? [['leave' => ['rooms' => [$room]]], emit($room, 'people')] : [];
        api('/join', ['of' => ['sockets' => [$socket['sid']]], 'rooms' => [$value]]); // now, so that nothing is missed
        $rooms[$socket['sid']] = $value;
        $actions = [...$leave, ['join' => ['rooms' => [$value]]], emit($value, 'people')]; // it may have left since
        return ['meta' => ['room' => $value], 'actions' => $actions, 'ack' => [api("/history?room=$value")['items']]];
    }
    if ($name === 'say' && $room !== null && is_string($value) && preg_match('/^[^\0]{1,1000}$/Du', $value)) {
        return ['actions' => [emit($room, 'said', ['id' => $event['id'], 'user' => $socket['user'], 'text' => $value])], 'ack' => [true]];
    }
    return ['ack' => [$name === 'who' && $room !== null ? api("/presence?room=$room")['members'] : ['error' => 'what?']]];
}

$body = file_get_contents('php://input');
if (!is_signed($body)) {
    http_response_code(400); // 401 would be a refusal of the client
    exit;
}
header('Content-Type: application/json');
echo json_encode(['results' => array_map(fn($event) => ['id' => $event['id']] + answer($event), json_decode($body, true)['events'])]);
