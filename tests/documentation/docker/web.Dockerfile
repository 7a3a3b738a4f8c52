FROM scratch
COPY src /app/src
