from flask import Flask, render_template
from flask_socketio import SocketIO, emit

app = Flask(__name__)
app.config['SECRET_KEY'] = 'secret!'
socketio = SocketIO(app)

# Основной namespace (по умолчанию '/')
@socketio.on('connect', namespace='/chat')
def handle_connect():
    print('Клиент подключился к /chat')
    emit('server_response', {'data': 'Добро пожаловать в чат!'}, namespace='/chat')

# Обработчик кастомного события
@socketio.on('user_message', namespace='/chat')
def handle_message(data):
    print(f"Получено сообщение: {data['text']}")
    emit('server_broadcast', {'data': f"Пользователь написал: {data['text']}"}, 
         broadcast=True, namespace='/chat')

if __name__ == '__main__':
    socketio.run(app, debug=True)
