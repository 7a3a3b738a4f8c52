FROM golang:1 AS build
COPY api /src
RUN go build
FROM scratch
COPY --from=build /bin/api /api
