. ../compose.sh
