/*
 * The one program of the tests' images beside bash: `serve PORT` answers every request with 200, until it is
 * told to end.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Read a request's head: one that is closed with some of it unread is reset, and its caller never sees the answer. */
static int heard(int caller)
{
	char head[4096] = "";
	size_t size = 0;
	ssize_t more;

	while (!strstr(head, "\r\n\r\n") && (more = read(caller, head + size, sizeof(head) - 1 - size)) > 0)
		size += more;
	return size > 0;
}

int main(int argc, char **argv)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nhealthy\n";
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int at = socket(AF_INET, SOCK_STREAM, 0), one = 1, caller;

	setsockopt(at, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(at, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(at, 16) < 0) {
		perror("serve");
		return 1;
	}
	puts("serving");
	fflush(stdout);
	while ((caller = accept(at, NULL, NULL)) >= 0) {
		if (heard(caller) && write(caller, answer, sizeof(answer) - 1) < 0)
			perror("serve");
		close(caller);
	}
	return 0;
}
