#!/bin/bash
# healthy PORT [PATH] : whether the process of this container answers PATH (default /health) with 200.
# The image has no HTTP client; bash opens the connection itself.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${2:-/health}" >&3
read -r -t 3 _ status _ <&3
[[ $status == 200 ]]
